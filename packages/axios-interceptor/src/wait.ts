import { isEvergrantError, type WaitOptions } from '@evergrant/core'
import type { AdapterConfig } from './axios-like.js'
import type { BareAxios } from './bare-axios.js'

/** The patience of one request: its `signal`, its `cancelToken`, and its `timeout` for everything together. */
export interface Wait {
  /** Waits for the core. A wait that outlasts `timeout` rejects with axios' own timeout error. */
  for<T>(ask: (options: WaitOptions | undefined) => Promise<T>): Promise<T>
  /** What is left of `timeout`, at least 1 ms; 0: there is none, as axios has it. */
  timeoutLeft(): number
  /** Stops listening. */
  end(): void
}

/** Of most requests. */
const PATIENT: Wait = { for: (ask) => ask(undefined), timeoutLeft: () => 0, end() {} }

export function startWait(config: AdapterConfig, bare: BareAxios): Wait {
  const { signal, cancelToken } = config
  const timeoutMs = config.timeout ? Math.max(0, Number.parseInt(String(config.timeout), 10) || 0) : 0
  if (timeoutMs === 0 && !signal && !cancelToken) return PATIENT
  const startedAtMs = performance.now()
  const leftMs = (): number => timeoutMs - (performance.now() - startedAtMs)

  // Whatever the core rejects with then, axios turns it into its CanceledError: it looks at both after the adapter.
  const canceled = signal || cancelToken ? new AbortController() : undefined
  const cancel = (): void => canceled?.abort()
  signal?.addEventListener?.('abort', cancel)
  cancelToken?.subscribe(cancel)
  if (signal?.aborted) cancel()

  return {
    async for(ask) {
      if (timeoutMs > 0 && leftMs() <= 0) throw await bare.timeoutError(config)
      const options = timeoutMs > 0 ? { timeoutMs: leftMs() } : undefined
      try {
        return await ask(canceled ? { ...options, signal: canceled.signal } : options)
      } catch (error) {
        if (timeoutMs > 0 && isEvergrantError(error, 'TIMEOUT')) throw await bare.timeoutError(config, error)
        throw error
      }
    },
    timeoutLeft: () => (timeoutMs > 0 ? Math.max(1, Math.ceil(leftMs())) : 0),
    end() {
      signal?.removeEventListener?.('abort', cancel)
      cancelToken?.unsubscribe(cancel)
    },
  }
}
