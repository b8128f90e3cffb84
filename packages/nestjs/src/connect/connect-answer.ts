import { type ConnectOutcome, type Problem, problemOf } from '@evergrant/core'
import type { AbstractHttpAdapter } from '@nestjs/core'
import { answerProblem } from '../problem-answer.js'
import { connectPage } from './connect-page.js'
import type { SiteHeaders } from './cross-site.js'

/** What Express' and Fastify's requests have in common. */
export interface ConnectRequest {
  readonly headers: SiteHeaders & { readonly cookie?: string; readonly accept?: string }
  readonly originalUrl: string
  readonly query: Readonly<Record<string, unknown>>
}

const DOCS = 'https://github.com/evergrant/evergrant/blob/main/docs/errors.md'

type Failure = Exclude<ConnectOutcome, { readonly kind: 'connected' }>

const FAILURES: Readonly<Record<Exclude<Failure['kind'], 'failed'>, Problem>> = {
  denied: problem(
    403,
    'connect_denied',
    'Not connected',
    'The provider was not allowed to give access. Connect again if that was not meant.',
  ),
  expired: problem(
    400,
    'connect_expired',
    'That took too long',
    'Begin again: the time to answer is limited.',
  ),
  replayed: problem(
    400,
    'connect_replayed',
    'This link was already used',
    'If the account is not connected, begin again.',
  ),
  forged: problem(
    400,
    'connect_forged',
    'This was not begun here',
    'The link does not belong to anything this browser began. Begin again, with cookies allowed.',
  ),
}

const CROSS_SITE = problem(
  403,
  'cross_site',
  'Another site sent this request',
  'Use the page of this application.',
)

const NO_SESSION = problem(
  401,
  'connect_without_session',
  'You are not signed in',
  'Sign in to this application, then connect the account.',
)

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
    this.#beginPath = beginPathOf(originalUrl)
    // The callback's address holds the code: it goes into no cache and no Referer.
    this.#header('Cache-Control', 'no-store')
    this.#header('Referrer-Policy', 'no-referrer')
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
    answerProblem(this.#adapter, this.#response, CROSS_SITE)
  }

  /** Here a missing grant id is about who asks, not about what is stored: to connect would not help. */
  noSession(): void {
    this.#problem(NO_SESSION, undefined, undefined)
  }

  failure({ kind, error, returnTo }: Failure): void {
    this.#problem(kind === 'failed' ? problemOf(error) : FAILURES[kind], this.#beginPath, returnTo)
  }

  #problem(what: Problem, again: string | undefined, returnTo: string | undefined): void {
    if (!this.toBrowser) {
      answerProblem(this.#adapter, this.#response, again === undefined ? what : { ...what, connect: again })
      return
    }
    this.#header('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
    this.#header('Content-Type', 'text/html; charset=utf-8')
    if (what.retryAfterSeconds !== undefined) this.#header('Retry-After', String(what.retryAfterSeconds))
    const { title, detail } = what
    this.#adapter.reply(this.#response, connectPage({ title, detail, again, returnTo }), what.status)
  }

  #header(name: string, value: string): void {
    this.#adapter.setHeader(this.#response, name, value)
  }
}

function problem(status: number, code: string, title: string, detail: string): Problem {
  return { type: `${DOCS}#${code}`, status, code, title, detail }
}

/** A path may hold what a client chose: only what surely stays on this site becomes a link. */
function beginPathOf(callbackUrl: string): string | undefined {
  const path = /^((?:\/[\w.~-]+)*)\/callback(?:\?|$)/.exec(callbackUrl)?.[1]
  return path === '' ? '/' : path
}
