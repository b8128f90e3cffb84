import { type ConnectFlow, isCrossSite, isCrossSiteNavigation } from '@evergrant/core'
import {
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Post,
  Res,
  type Type,
  UseFilters,
  VERSION_NEUTRAL,
} from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { getRequestGrantsToken } from '../evergrant.tokens.js'
import { EvergrantExceptionFilter } from '../evergrant-exception.filter.js'
import { Context } from '../execution-context.decorator.js'
import type { RequestGrants } from '../request-grants.js'
import { requestSignal } from '../request-signal.js'
import { SkipGrantGuard } from '../skip-grant-guard.decorator.js'
import type { ConnectSettings, DisconnectOptions } from './connect.options.js'
import { CONNECT_FLOW, DISCONNECT_OPTIONS } from './connect.tokens.js'
import { ConnectAnswer, type ConnectRequest } from './connect-answer.js'

/** The controller of one connect module: its path and its manager are known when the class is made. */
export function connectController({ manager, path, decorators }: ConnectSettings): Type {
  // The provider sends browsers to one address, whatever the versions of the application's own.
  @Controller({ path, version: VERSION_NEUTRAL })
  @SkipGrantGuard()
  @UseFilters(EvergrantExceptionFilter.of(manager))
  class EvergrantConnectController {
    readonly #flow: ConnectFlow
    readonly #grants: RequestGrants
    readonly #options: DisconnectOptions
    readonly #adapters: HttpAdapterHost

    constructor(
      @Inject(CONNECT_FLOW) flow: ConnectFlow,
      @Inject(getRequestGrantsToken(manager)) grants: RequestGrants,
      @Inject(DISCONNECT_OPTIONS) options: DisconnectOptions,
      @Inject(HttpAdapterHost) adapters: HttpAdapterHost,
    ) {
      grants.resolver()
      this.#flow = flow
      this.#grants = grants
      this.#options = options
      this.#adapters = adapters
    }

    // `@Res()` tells Nest that the handler answers by itself.
    @Get()
    async begin(@Context() context: ExecutionContext, @Res() _: unknown): Promise<void> {
      const answer = this.#answer(context)
      const { headers, query, method } = requestOf(context)
      if (method !== 'GET') return answer.methodRefused()
      const { returnTo } = query
      if (isCrossSiteNavigation(headers, this.#options.allowedOrigins)) return answer.fromElsewhere(returnTo)
      const grantId = await this.#grants.find(context)
      if (grantId === undefined) return answer.failure(this.#grants.nobodys())
      const { url, setCookies } = await this.#flow.begin({
        grantId,
        cookie: headers.cookie,
        returnTo: typeof returnTo === 'string' ? returnTo : undefined,
      })
      answer.cookies(setCookies)
      answer.redirect(302, url)
    }

    @Get('callback')
    async callback(@Context() context: ExecutionContext, @Res() _: unknown): Promise<void> {
      const answer = this.#answer(context)
      const { headers, originalUrl, method } = requestOf(context)
      // Whatever looks ahead with HEAD must not spend the code.
      if (method !== 'GET') return answer.methodRefused()
      const outcome = await this.#flow.complete({
        callback: originalUrl,
        cookie: headers.cookie,
        // Not asked of a browser without a session: a SameSite=Strict cookie does not come along from the provider.
        grantId: await this.#grants.find(context),
        signal: requestSignal(context),
      })
      answer.cookies(outcome.setCookies)
      if (outcome.kind === 'connected') answer.redirect(303, outcome.returnTo)
      else answer.failure(outcome)
    }

    @Post('disconnect')
    async disconnect(@Context() context: ExecutionContext, @Res() _: unknown): Promise<void> {
      const answer = this.#answer(context)
      if (isCrossSite(requestOf(context).headers, this.#options.allowedOrigins)) {
        return answer.crossSite()
      }
      const grantId = await this.#grants.find(context)
      if (grantId === undefined) return answer.failure(this.#grants.nobodys())
      const result = await this.#grants.tokens.revoke(grantId)
      if (answer.toBrowser) answer.redirect(303, this.#options.afterDisconnect)
      else answer.json(result)
    }

    #answer(context: ExecutionContext): ConnectAnswer {
      const response = context.switchToHttp().getResponse<unknown>()
      return new ConnectAnswer(this.#adapters.httpAdapter, requestOf(context), response)
    }
  }
  for (const decorate of decorators) decorate(EvergrantConnectController)
  return EvergrantConnectController
}

function requestOf(context: ExecutionContext): ConnectRequest {
  return context.switchToHttp().getRequest<ConnectRequest>()
}
