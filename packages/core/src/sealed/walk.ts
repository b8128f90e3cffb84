import { checkId, checkNumber } from '../check-options.js'
import type { GrantKey, TokenStore } from '../store/token-store.js'
import { type Clock, MAX_TIMER_MS } from '../time/clock.js'

/** How to go through all records of one provider. */
export interface WalkOptions {
  /** `provider.id` of the token manager; for the local store of `escrowed`: `ESCROW_PROVIDER`. */
  readonly provider: string
  /** Goes on behind this grant id: where an earlier walk was. */
  readonly after?: string | undefined
  /** How many records are looked at in a second, at most. @defaultValue 200 */
  readonly perSecond?: number | undefined
  /** How many at once. @defaultValue 4 */
  readonly concurrency?: number | undefined
  /** Ends the walk between two records. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: WalkProgress) => void) | undefined
}

/** How far a walk over all records is. */
export interface WalkProgress {
  /** Records looked at. */
  readonly done: number
  /** All up to this grant id are done: what `after` takes. */
  readonly after: string
}

const PAGE = 100

/**
 * Looks at every record that was there at the beginning and is not removed meanwhile, at its own pace, in the order of
 * the ids.
 */
export async function walk(
  { store, clock }: { readonly store: TokenStore; readonly clock: Clock },
  options: WalkOptions,
  look: (key: GrantKey) => Promise<void>,
): Promise<number> {
  const provider = checkId('provider', options.provider)
  const perSecond = checkNumber('perSecond', options.perSecond ?? 200, { min: 0.001, max: 1_000_000 })
  const concurrency = checkNumber('concurrency', options.concurrency ?? 4, {
    min: 1,
    max: 100,
    integer: true,
  })
  const { signal, onProgress } = options
  let nextAtMs = clock.monotonic()
  let page: { readonly next?: string } = options.after === undefined ? {} : { next: options.after }
  let done = 0
  do {
    signal?.throwIfAborted()
    const { records, ...rest } = await store.list({
      provider,
      limit: PAGE,
      ...(page.next !== undefined && { after: page.next }),
    })
    page = rest
    for (let i = 0; i < records.length; i += concurrency) {
      const several = records.slice(i, i + concurrency)
      await sleep(clock, nextAtMs - clock.monotonic(), signal)
      // From now, not from when it should have been: what a slow store held up is not caught up with.
      nextAtMs = clock.monotonic() + (several.length * 1_000) / perSecond
      await Promise.all(several.map(({ grantId }) => look({ provider, grantId })))
      done += several.length
      const after = several.at(-1)?.grantId
      if (after !== undefined) onProgress?.({ done, after })
    }
  } while (page.next !== undefined)
  return done
}

function sleep(clock: Clock, forMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    if (forMs <= 0) return resolve()
    const stop = (): void => {
      clock.clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = clock.setTimeout(
      () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      },
      Math.min(forMs, MAX_TIMER_MS),
    )
    signal?.addEventListener('abort', stop, { once: true })
  })
}
