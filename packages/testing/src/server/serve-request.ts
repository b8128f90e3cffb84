import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Answer, sendAnswer } from './answer.js'
import type { Fault } from './fault.js'
import { deliverFault } from './fault-delivery.js'
import type { OpenEntry } from './ledger.js'
import type { LedgerKind } from './ledger-queries.js'
import { tooManyAttempts } from './refusals.js'
import { readBody } from './request-body.js'
import type { RequestTraits } from './request-traits.js'
import { requestUrl } from './request-url.js'
import type { ServerState } from './server-state.js'

/** What an endpoint brings to the common way of serving. */
export interface EndpointStep {
  /** Who asks for what; the ledger entry gets what is known before anything is decided. */
  identify(body: string, record: OpenEntry): RequestTraits
  /** Decides and changes the server's state. `between` waits at the gates and latencies of that name, if any. */
  process(record: OpenEntry, between: Between): Promise<ProcessedRequest> | ProcessedRequest
}

/** Resolves to whether there was anything to wait for. */
export type Between = () => Promise<boolean>

export interface ProcessedRequest {
  readonly answer: Answer
  /** Something was given: an `after` fault may strike. */
  readonly granted: boolean
}

/**
 * Serves one request: read, throttle, `before` gates and faults, process, `after` gates and faults, reply.
 *
 * A client that gave up while its request was held does not stop the processing: real servers do not notice either.
 */
export async function serveRequest(
  state: ServerState,
  kind: LedgerKind,
  request: IncomingMessage,
  response: ServerResponse,
  makeStep: (request: IncomingMessage) => EndpointStep,
): Promise<void> {
  const record = state.book.open(
    {
      kind,
      method: request.method ?? 'GET',
      path: requestUrl(request).pathname,
      caller: request.socket.remoteAddress ?? 'unknown',
    },
    () => !response.destroyed,
  )
  response.once('close', () => {
    if (record.entry.outcome === 'pending' && !response.writableFinished && !state.isClosed())
      record.update({ clientGone: true })
  })
  try {
    await serveRecorded(state, kind, request, response, makeStep(request), record)
  } finally {
    if (record.entry.endedAtMs === null) record.end({ outcome: 'dropped' })
    if (state.isClosed()) response.destroy()
  }
}

async function serveRecorded(
  state: ServerState,
  kind: LedgerKind,
  request: IncomingMessage,
  response: ServerResponse,
  step: EndpointStep,
  record: OpenEntry,
): Promise<void> {
  const { behaviour, faults, gates, now, throttles } = state
  const body = await readBody(request)
  if (body === null) {
    response.destroy()
    return record.end({ outcome: 'aborted' })
  }
  const traits = step.identify(body, record)

  const limits = kind === 'api' ? behaviour().apiThrottle : kind === 'token' ? behaviour().throttle : null
  const verdict =
    limits && throttles[kind === 'api' ? 'api' : 'token'].count(record.entry.caller, limits, now())
  for (const [name, value] of Object.entries(verdict?.headers ?? {})) response.setHeader(name, value)

  const reply = async (answer: Answer): Promise<void> => {
    await sendAnswer(response, answer)
    const replyDelivered = response.writableFinished
    record.end({
      outcome: record.entry.decision,
      status: replyDelivered ? answer.status : null,
      replyDelivered,
    })
  }
  const spoil = async (fault: Fault, answer: Answer | null): Promise<void> => {
    record.update({ outcome: `fault:${fault.kind}` })
    const status = await deliverFault({ response, fault, answer, nowMs: now(), released: faults.released() })
    record.end({ status, replyDelivered: response.writableFinished })
  }

  if (verdict && !verdict.allowed) {
    record.update({ decision: 'throttled' })
    return reply(tooManyAttempts({}))
  }
  if ((await gates.hold(traits, 'before')) === 'drop') return
  const early = await faults.strike(traits, 'before')
  if (state.isClosed()) return
  if (early) return spoil(early, null)

  const { answer, granted } = await step.process(record, async () => {
    const waits = gates.concern(traits, 'between') || faults.concern(traits, 'between')
    await gates.hold(traits, 'between')
    await faults.strike(traits, 'between')
    return waits
  })
  if (state.isClosed()) return
  if ((await gates.hold(traits, 'after')) === 'drop') return
  const late = granted ? await faults.strike(traits, 'after') : undefined
  if (state.isClosed()) return
  return late ? spoil(late, answer) : reply(answer)
}
