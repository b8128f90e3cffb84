import type { ServerResponse } from 'node:http'

const disconnects = new WeakMap<ServerResponse, AbortController>()

/** Aborts when the client goes away before its answer is complete. */
export function disconnectSignal(res: ServerResponse): AbortSignal {
  const known = disconnects.get(res)
  if (known) return known.signal
  const controller = new AbortController()
  disconnects.set(res, controller)
  const abort = (): void => {
    if (!res.writableFinished) controller.abort(new DOMException('The client disconnected', 'AbortError'))
  }
  if (res.closed || res.destroyed) abort()
  else res.once('close', abort)
  return controller.signal
}

/** Whether `error` only says that the client of this response is gone: there is nobody to answer. */
export function isDisconnect(error: unknown, res: ServerResponse): boolean {
  const signal = disconnects.get(res)?.signal
  return signal?.aborted === true && error === signal.reason
}
