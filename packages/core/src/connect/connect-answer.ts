import { type EvergrantError, isEvergrantError } from '../errors.js'
import { type HttpAnswer, problemAnswer, retryAfter } from '../http/http-answer.js'
import { type Problem, problemOf, problemWith } from '../http/problem.js'
import type { ConnectOutcome } from './connect-flow.js'
import { connectPage } from './connect-page.js'
import { safeReturnTo } from './return-to.js'

/** Every end of a flow but the good one. */
export type ConnectFailure = Exclude<ConnectOutcome, { readonly kind: 'connected' }>

/**
 * What a connect flow's routes refuse with. `from_elsewhere`: another site sent the browser to the beginning. It may have
 * done so behind the user's back, to have another account connected, so the user is asked.
 */
export type ConnectRefusal = ConnectFailure | EvergrantError | 'from_elsewhere'

/** How {@link connectAnswer} answers: who asks, and where the browser goes afterwards. */
export interface ConnectAnswerOptions {
  /** A page for people, or problem details for programs. */
  readonly as: 'page' | 'problem'
  /** The path at which a new flow begins; one that may lead elsewhere is left out. */
  readonly beginPath?: string | undefined
  /** What the beginning was asked for, where it is the beginning that is refused. */
  readonly returnTo?: string | undefined
}

const FAILURES: Readonly<Record<Exclude<ConnectFailure['kind'], 'failed'>, Problem>> = {
  denied: problemWith(
    403,
    'connect_denied',
    'Not connected',
    'The provider was not allowed to give access. Connect again if that was not meant.',
  ),
  expired: problemWith(
    400,
    'connect_expired',
    'That took too long',
    'Begin again: the time to answer is limited.',
  ),
  replayed: problemWith(
    400,
    'connect_replayed',
    'This link was already used',
    'If the account is not connected, begin again.',
  ),
  forged: problemWith(
    400,
    'connect_forged',
    'This was not begun here',
    'The link does not belong to anything this browser began. Begin again, with cookies allowed.',
  ),
}

const NO_SESSION = problemWith(
  401,
  'connect_without_session',
  'You are not signed in',
  'Sign in to this application, then connect the account.',
)

const FROM_ELSEWHERE = problemWith(
  403,
  'connect_from_elsewhere',
  'Connect the account?',
  'Another site sent you here. Go on only if you want to connect an account to this application.',
)

/** Put on every answer of the routes: the address of the callback holds the code, for no cache and no `Referer`. */
export const CONNECT_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
}

/**
 * What the routes of a connect flow answer when it did not end well: a small page, or problem details. No answer holds
 * a token, a code or a grant id.
 *
 * @param what - How `complete` ended, or the error of another step. `GRANT_NOT_FOUND` is taken for a request whose
 * sender is not known: to connect would not help there, to sign in would.
 */
export function connectAnswer(
  what: ConnectRefusal,
  { as, beginPath, returnTo: asked }: ConnectAnswerOptions,
): HttpAnswer {
  const problem = problemIn(what)
  const isSignIn = problem === NO_SESSION
  // A mount path may hold what a client chose: only what surely stays on this site becomes a link.
  const again = !isSignIn && /^(\/[\w.~-]+)*\/?$/.test(beginPath ?? '?') ? beginPath || '/' : undefined
  if (as === 'problem') return problemAnswer(problem, { connect: again })
  const { title, detail } = problem
  const isFirst = what === 'from_elsewhere'
  const isFailure = typeof what === 'object' && !isEvergrantError(what)
  const returnTo = isFailure ? what.returnTo : undefined
  return {
    status: problem.status,
    headers: {
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
      'Content-Type': 'text/html; charset=utf-8',
      ...CONNECT_HEADERS,
      ...retryAfter(problem),
    },
    body: connectPage({ title, detail, returnTo, ...(isFirst ? onward(asked) : { again, isFirst }) }),
  }
}

/** Relative: the page is shown at the very address that the user may go on to. */
function onward(returnTo: string | undefined): { readonly again: string; readonly isFirst: true } {
  const path = safeReturnTo(returnTo)
  return { again: path === undefined ? '?' : `?returnTo=${encodeURIComponent(path)}`, isFirst: true }
}

function problemIn(what: ConnectRefusal): Problem {
  if (what === 'from_elsewhere') return FROM_ELSEWHERE
  if (isEvergrantError(what)) return what.code === 'GRANT_NOT_FOUND' ? NO_SESSION : problemOf(what)
  return what.kind === 'failed' ? problemOf(what.error) : FAILURES[what.kind]
}
