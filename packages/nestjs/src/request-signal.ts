import { type ArgumentsHost, HttpException } from '@nestjs/common'
import { type NodeResponse, nodeResponseOf } from './node-response.js'

const CLIENT_CLOSED_REQUEST = 499

const signals = new WeakMap<NodeResponse, AbortSignal>()

/**
 * Aborts when the client of this HTTP request goes away before it has its answer; the same signal for all who ask.
 * Its reason is an `HttpException` of status 499 (nginx's "client closed request"): Nest neither logs it nor takes it
 * for a defect. `undefined` where there is no HTTP response: GraphQL, WebSockets, microservices.
 */
export function requestSignal(host: ArgumentsHost): AbortSignal | undefined {
  const response = nodeResponseOf(host)
  if (!response) return undefined
  const known = signals.get(response)
  if (known) return known
  const controller = new AbortController()
  const closed = (): void => {
    if (response.writableEnded) return
    controller.abort(new HttpException('The client closed its connection', CLIENT_CLOSED_REQUEST))
  }
  // It may have gone while a guard before this one was at work.
  if (response.destroyed) closed()
  else response.once('close', closed)
  signals.set(response, controller.signal)
  return controller.signal
}
