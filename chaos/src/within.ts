import { setTimeout as pause } from 'node:timers/promises'

/** Why a round did not come to its end: then there is no use in another. */
export async function within(
  work: Promise<void>,
  ms: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const over = new AbortController()
  const options = { signal: over.signal, once: true }
  const late = pause(ms, `took longer than ${ms} ms`, { signal: over.signal })
  const interrupted = new Promise<string>((resolve) => {
    const end = (): void => resolve('was interrupted')
    if (signal.aborted) end()
    signal.addEventListener('abort', end, options)
  })
  // Of what loses the race nobody hears.
  late.catch(() => {})
  work.catch(() => {})
  return Promise.race([work.then(() => undefined), late, interrupted]).finally(() => over.abort())
}
