/** Options of both factories, beside `client`. */
export interface RedisStoreOptions {
  /**
   * What all keys and the channel begin with. Every process that names the same prefix (on the same server)
   * shares the same grants. @defaultValue `evergrant`
   */
  readonly prefix?: string | undefined
  /**
   * Milliseconds after which a step that was not answered rejects with `STORE_UNAVAILABLE`. It may have
   * happened, but does not happen later. @defaultValue 5_000
   */
  readonly commandTimeoutMs?: number | undefined
}

/** What the options come to. */
export interface Settings {
  readonly prefix: string
  readonly commandTimeoutMs: number
}

/** Longest delay of a timer. */
const longestMs = 2 ** 31 - 1

/** @throws TypeError naming the option that is wrong */
export function checkOptions(
  factory: string,
  options: RedisStoreOptions & { readonly client: unknown },
): Settings {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${factory}: pass options: { client }`)
  const { client, prefix = 'evergrant', commandTimeoutMs = 5_000 } = options
  if (typeof client !== 'object' || client === null) {
    throw new TypeError(`${factory}: option \`client\` must be a client that you have created`)
  }
  if (typeof prefix !== 'string' || prefix === '' || /\p{Surrogate}/u.test(prefix)) {
    throw new TypeError(`${factory}: option \`prefix\` must be a string that is not empty`)
  }
  if (typeof commandTimeoutMs !== 'number' || !(commandTimeoutMs > 0 && commandTimeoutMs <= longestMs)) {
    throw new TypeError(`${factory}: option \`commandTimeoutMs\` must be a number of milliseconds above 0`)
  }
  return { prefix, commandTimeoutMs }
}
