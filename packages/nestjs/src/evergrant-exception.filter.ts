import {
  type EvergrantError,
  isEvergrantError,
  problemAnswer,
  problemDetails,
  problemOf,
} from '@evergrant/core'
import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, type Type } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { DEFAULT_MANAGER, getRequestGrantsToken } from './evergrant.tokens.js'
import { writeAnswer } from './http-answer.js'
import { nodeResponseOf } from './node-response.js'
import { oncePerName } from './once-per-name.js'
import type { RequestGrants } from './request-grants.js'

/** Nest asks `instanceof`; by the brand, errors of another copy of core are ours too. */
// biome-ignore lint/complexity/noStaticOnlyClass: the right-hand side of `instanceof`
abstract class AnyEvergrantError {
  static [Symbol.hasInstance](error: unknown): boolean {
    return isEvergrantError(error)
  }
}

/**
 * Answers our errors and leaves all others alone: on Express and Fastify as problem details (RFC 9457), 401 with
 * `connect`, where the user can connect again, 503 with `Retry-After`, 504; on a WebSocket as Nest's `exception`
 * message with the same data. In microservices and GraphQL Nest goes on as if there were no filter.
 *
 * The links are those of the default manager. With several, let its `connectUrl` be a function that looks at
 * `error.provider`, or put `EvergrantExceptionFilter.of(name)` on the controllers of the others.
 *
 * No answer holds a grant id, a cause or a secret. Nothing is logged: the manager's `onEvent` tells what happens.
 */
@Catch(AnyEvergrantError)
export class EvergrantExceptionFilter implements ExceptionFilter<EvergrantError> {
  readonly #grants: RequestGrants
  readonly #adapters: HttpAdapterHost

  constructor(
    @Inject(getRequestGrantsToken(DEFAULT_MANAGER)) grants: RequestGrants,
    @Inject(HttpAdapterHost) adapters: HttpAdapterHost,
  ) {
    this.#grants = grants
    this.#adapters = adapters
  }

  catch(error: EvergrantError, host: ArgumentsHost): void {
    const problem = problemOf(error)
    const connect = problem.status === 401 ? this.#grants.connectUrl(host, error) : undefined
    // In any other context it returns without a word, which to Nest means that nobody handled the error.
    if (nodeResponseOf(host)) {
      const response: unknown = host.switchToHttp().getResponse()
      writeAnswer(this.#adapters.httpAdapter, response, problemAnswer(problem, { connect }))
    } else if (host.getType() === 'ws') {
      emit(host.switchToWs().getClient<WebSocketClient>(), problemDetails(problem, { connect }))
    }
  }

  /** The filter whose links are those of another manager; the same class for the same name. */
  static of(name: string): Type<EvergrantExceptionFilter> {
    return filterOf(name)
  }
}

const filterOf = oncePerName((name): Type<EvergrantExceptionFilter> => {
  @Catch(AnyEvergrantError)
  class NamedEvergrantExceptionFilter extends EvergrantExceptionFilter {
    constructor(
      @Inject(getRequestGrantsToken(name)) grants: RequestGrants,
      @Inject(HttpAdapterHost) adapters: HttpAdapterHost,
    ) {
      super(grants, adapters)
    }
  }
  return NamedEvergrantExceptionFilter
})

/** A client of Socket.IO, or one of the platform (which has an `emit` too, but that stays here). */
interface WebSocketClient {
  readonly readyState?: number
  send(data: string): void
  emit(event: string, data: unknown): void
}

function emit(client: WebSocketClient, data: object): void {
  if (typeof client.readyState === 'number') client.send(JSON.stringify({ event: 'exception', data }))
  else client.emit('exception', data)
}
