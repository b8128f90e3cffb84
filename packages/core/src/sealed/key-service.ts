import type { Clock } from '../time/clock.js'
import { importSealingKey, type KeyMaterial, readKeyMaterial } from './key-material.js'
import { keyAway, keyUnusable } from './seal-errors.js'

/**
 * Asks a key service. Called once for a key, and again only after a failure.
 *
 * @param request.signal - aborted when nobody waits for the answer any more: stop the request then
 */
export type KeyFunction = (request: {
  readonly kid: string
  readonly signal: AbortSignal
}) => KeyMaterial | Promise<KeyMaterial>

/** A service that is away is asked once in this time, however many grants need its key. */
const ASK_AGAIN_MS = 1_000

/**
 * One key of a key service: kept for the life of the process once it was had; one call at a time for all who ask.
 * Never forgotten, because a successor that was read has to be sealed whether or not the service answers then.
 */
export function keyFromService(
  kid: string,
  ask: KeyFunction,
  timeoutMs: number,
  clock: Clock,
): () => Promise<CryptoKey> {
  let key: Promise<CryptoKey> | undefined
  let failedAtMs: number | undefined

  return () => {
    const sinceMs = failedAtMs === undefined ? ASK_AGAIN_MS : clock.monotonic() - failedAtMs
    if (key === undefined && sinceMs < ASK_AGAIN_MS) {
      return Promise.reject(keyAway(kid, 'failed a moment ago', ASK_AGAIN_MS - sinceMs))
    }
    key ??= fetchKey().catch((error: unknown) => {
      key = undefined
      failedAtMs = clock.monotonic()
      throw error
    })
    return key
  }

  async function fetchKey(): Promise<CryptoKey> {
    const bytes = readKeyMaterial(await inTime())
    if (!bytes) throw keyUnusable(kid)
    return importSealingKey(bytes)
  }

  function inTime(): Promise<KeyMaterial> {
    const abort = new AbortController()
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        reject(keyAway(kid, `did not answer within ${timeoutMs} ms`, ASK_AGAIN_MS))
        abort.abort()
      }, timeoutMs)
      // What it throws may quote its request: not even the message passes.
      const failed = (): void => reject(keyAway(kid, 'failed', ASK_AGAIN_MS))
      new Promise<KeyMaterial>((answer) => answer(ask({ kid, signal: abort.signal })))
        .then(resolve, failed)
        .finally(() => clock.clearTimeout(timer))
    })
  }
}
