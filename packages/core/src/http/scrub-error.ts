import type { AccessToken } from '../access-token.js'

/** Where undici and `node:http` put the bytes of a reply that is no HTTP (codes `HPE_…`). */
const RAW = ['data', 'rawPacket'] as const

/**
 * Takes out of an error of an HTTP client what a careless server may have said back to it: the bytes that are no
 * HTTP, and texts that quote the token. The error stays the same object, with its class, code and stack of causes.
 *
 * @param token - the one that was sent
 * @returns `error`
 */
export function scrubError(error: unknown, token: AccessToken): unknown {
  const secret = token.reveal()
  const forms = [secret, encodeURIComponent(secret)]
  const seen = new Set<unknown>()
  const clean = (one: unknown): void => {
    if (typeof one !== 'object' || one === null || seen.has(one)) return
    seen.add(one)
    if (String(valueAt(one, 'code')).startsWith('HPE_'))
      for (const name of RAW) if (Object.hasOwn(one, name)) put(one, name, undefined)
    for (const name of Object.getOwnPropertyNames(one)) {
      const value = valueAt(one, name)
      if (typeof value === 'string' && forms.some((form) => value.includes(form))) put(one, name, REMOVED)
    }
    if (one instanceof AggregateError) for (const each of one.errors) clean(each)
    clean(valueAt(one, 'cause'))
  }
  clean(error)
  return error
}

const REMOVED = '[removed: it quoted the access token]'

function valueAt(one: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(one, name)?.value
}

function put(one: object, name: string, value: unknown): void {
  Object.defineProperty(one, name, { value, configurable: true, writable: true })
}
