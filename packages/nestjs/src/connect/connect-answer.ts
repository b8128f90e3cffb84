import {
  CONNECT_HEADERS,
  type ConnectFailure,
  type ConnectRefusal,
  connectAnswer,
  crossSiteProblem,
  type EvergrantError,
  problemAnswer,
  problemWith,
  type SiteHeaders,
} from '@evergrant/core'
import type { AbstractHttpAdapter } from '@nestjs/core'
import { writeAnswer, writeHeaders } from '../http-answer.js'

/** What Express' and Fastify's requests have in common. */
export interface ConnectRequest {
  readonly headers: SiteHeaders & { readonly cookie?: string; readonly accept?: string }
  readonly originalUrl: string
  readonly method: string
  readonly query: Readonly<Record<string, unknown>>
}

/** Answers one request of the connect routes, on any platform. */
export class ConnectAnswer {
  /** Whether a page is wanted: a browser's navigation says so. */
  readonly toBrowser: boolean
  readonly #adapter: AbstractHttpAdapter
  readonly #response: unknown
  readonly #beginPath: string | undefined

  constructor(adapter: AbstractHttpAdapter, { headers, originalUrl }: ConnectRequest, response: unknown) {
    this.#adapter = adapter
    this.#response = response
    this.toBrowser = /\btext\/html\b/i.test(headers.accept ?? '')
    this.#beginPath = /^([^?]*)\/callback(?:\?|$)/.exec(originalUrl)?.[1]
    writeHeaders(adapter, response, CONNECT_HEADERS)
  }

  cookies(setCookies: readonly string[]): void {
    for (const cookie of setCookies) this.#adapter.appendHeader(this.#response, 'Set-Cookie', cookie)
  }

  redirect(status: number, url: string): void {
    this.#adapter.redirect(this.#response, status, url)
  }

  json(body: object): void {
    this.#adapter.reply(this.#response, body, 200)
  }

  crossSite(): void {
    writeAnswer(this.#adapter, this.#response, problemAnswer(crossSiteProblem))
  }

  methodRefused(): void {
    this.#adapter.setHeader(this.#response, 'Allow', 'GET')
    const problem = problemWith(405, 'method_refused', 'Method not allowed', 'Use GET.')
    writeAnswer(this.#adapter, this.#response, problemAnswer(problem))
  }

  fromElsewhere(returnTo: unknown): void {
    this.#refuse('from_elsewhere', typeof returnTo === 'string' ? returnTo : undefined)
  }

  failure(what: ConnectFailure | EvergrantError): void {
    this.#refuse(what)
  }

  #refuse(what: ConnectRefusal, returnTo?: string): void {
    const as = this.toBrowser ? 'page' : 'problem'
    const answer = connectAnswer(what, { as, beginPath: this.#beginPath, returnTo })
    writeAnswer(this.#adapter, this.#response, answer)
  }
}
