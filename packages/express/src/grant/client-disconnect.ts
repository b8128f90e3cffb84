import type { ServerResponse } from 'node:http'
import type { WaitOptions } from '@evergrant/core'

const reasons = new WeakMap<ServerResponse, DOMException>()
const signals = new WeakMap<ServerResponse, AbortSignal>()

/** Why whatever served the client of this response ended: it went away. Always the same error for one response. */
export function disconnectReason(res: ServerResponse): DOMException {
  const known = reasons.get(res)
  if (known) return known
  const reason = new DOMException('The client disconnected', 'AbortError')
  reasons.set(res, reason)
  return reason
}

/** Whether `error` only says that the client of this response is gone: there is nobody to answer. */
export function isDisconnect(error: unknown, res: ServerResponse): boolean {
  return error !== undefined && error === reasons.get(res)
}

/**
 * Calls `run` when the client goes away before its answer is complete, at once if it is gone already. Listens as long as
 * there is the response: a listener taken off again costs a request more than one that finds nothing to do.
 */
export function onDisconnect(res: ServerResponse, run: (reason: Error) => void): void {
  const close = (): void => {
    if (!res.writableFinished) run(disconnectReason(res))
  }
  if (res.closed || res.destroyed) close()
  else res.on('close', close)
}

/** The same as a signal, which costs more: made when somebody asks for it. */
export function disconnectSignal(res: ServerResponse): AbortSignal {
  const known = signals.get(res)
  if (known) return known
  const controller = new AbortController()
  signals.set(res, controller.signal)
  onDisconnect(res, (reason) => controller.abort(reason))
  return controller.signal
}

/** How long a client of this response waits: until it leaves. A fresh token needs no wait, and so makes no signal. */
export function untilDisconnect(res: ServerResponse, timeoutMs: number | undefined): WaitOptions {
  return new UntilDisconnect(res, timeoutMs)
}

/** A class for its getter: one in an object literal costs each request more than the signal that it saves. */
class UntilDisconnect implements WaitOptions {
  readonly #res: ServerResponse
  readonly timeoutMs: number | undefined

  constructor(res: ServerResponse, timeoutMs: number | undefined) {
    this.#res = res
    this.timeoutMs = timeoutMs
  }

  get signal(): AbortSignal {
    return disconnectSignal(this.#res)
  }
}
