/** Leaves room for everything else in a cookie of 4096 bytes. */
const MAX_LENGTH = 1_024

const HERE = 'https://evergrant.invalid'

/**
 * The path, query and fragment that `value` means on this site; `undefined` when it could lead a browser anywhere
 * else: another scheme or host, `//` and `/\`, also when they only appear once dots are resolved (`/.//evil`), and
 * control characters, which browsers drop before they look.
 */
export function safeReturnTo(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined
  if (!value.startsWith('/') || /[\p{Cc}\\]/u.test(value)) return undefined
  if (!URL.canParse(value, HERE)) return undefined
  const { origin, pathname, search, hash } = new URL(value, HERE)
  const path = pathname + search + hash
  return origin === HERE && !path.startsWith('//') && path.length <= MAX_LENGTH ? path : undefined
}
