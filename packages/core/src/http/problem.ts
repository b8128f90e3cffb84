import type { EvergrantError, EvergrantErrorCode } from '../errors.js'

/**
 * What an HTTP service answers when one of our errors ends its request: problem details (RFC 9457) and the
 * `Retry-After` header. Plain data without secrets, grant ids and causes: it may go to any browser.
 */
export interface Problem {
  /** Where the code is explained. */
  readonly type: string
  readonly status: number
  /** Our error's code in lower case; stable, for programs. */
  readonly code: string
  /** What happened, in a few words that are always the same for this code. */
  readonly title: string
  /** What the user can do. */
  readonly detail: string
  /** Whole seconds for `Retry-After`; absent: nothing is known, or trying again is pointless. */
  readonly retryAfterSeconds?: number
}

const DOCS = 'https://github.com/evergrant/evergrant/blob/main/docs/errors.md'

type Answer = readonly [status: number, title: string, detail: string]

const CONNECT = 'Connect the account again.'
const LATER = 'Try again in a moment.'
const OPERATOR = 'Tell the operator of this application.'

/** 401 only where it helps to connect again; 5xx is what is not the user's fault. */
const ANSWERS: Readonly<Record<EvergrantErrorCode, Answer>> = {
  REAUTHORIZATION_REQUIRED: [401, 'The connection to the provider has ended', CONNECT],
  GRANT_NOT_FOUND: [401, 'There is no connection to the provider', 'Connect the account.'],
  STORE_UNAVAILABLE: [503, 'The connections cannot be read at the moment', LATER],
  STORE_UNUSABLE: [500, 'The connections cannot be read', OPERATOR],
  TIMEOUT: [504, 'The provider did not answer in time', LATER],
  RATE_LIMITED: [503, 'The provider takes no more requests at the moment', LATER],
  PROVIDER_UNAVAILABLE: [503, 'The provider cannot be reached', LATER],
  OUTCOME_UNKNOWN: [503, 'The provider did not answer clearly', LATER],
  CLIENT_REJECTED: [503, 'The provider does not accept this application', OPERATOR],
  VALIDITY_UNATTAINABLE: [500, 'The provider gives no access for that long', OPERATOR],
  AUTHORIZATION_FAILED: [400, 'The authorization did not succeed', 'Connect the account again.'],
  INVALID_REPLY: [502, 'The provider gave an access that cannot be used', OPERATOR],
  BODY_NOT_REPLAYABLE: [503, 'The provider refused the first try', 'Send the request again.'],
  UNCOMMITTED_SUCCESSOR: [500, 'A connection could not be stored', OPERATOR],
  CLOSED: [503, 'This application is shutting down', LATER],
  UNEXPECTED: [500, 'The connection failed unexpectedly', LATER],
}

/** A problem that is none of our errors: what an adapter itself refuses or cannot do. */
export function problemWith(status: number, code: string, title: string, detail: string): Problem {
  return { type: `${DOCS}#${code}`, status, code, title, detail }
}

/** The answer to a request that {@link isCrossSite} says another site has made. */
export const crossSiteProblem: Problem = problemWith(
  403,
  'cross_site',
  'Another site sent this request',
  'Use the page of this application.',
)

/** Turns one of our errors into what adapters of web frameworks answer. */
export function problemOf(error: EvergrantError): Problem {
  // Another copy of this package may have codes that this one has not.
  const [status, title, detail] = ANSWERS[error.code] ?? ANSWERS.UNEXPECTED
  const code = error.code.toLowerCase()
  // The body is gone here, but whoever sent it can send it again at once.
  const afterMs = error.code === 'BODY_NOT_REPLAYABLE' ? 0 : error.retryAfterMs
  const retry = afterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(Math.max(0, afterMs) / 1_000) }
  return { ...problemWith(status, code, title, detail), ...retry }
}
