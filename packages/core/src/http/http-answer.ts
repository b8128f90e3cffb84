import type { Problem } from './problem.js'

/** A whole HTTP answer as plain data, for adapters to write in their framework's way. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What an adapter adds to a {@link Problem}. */
export interface ProblemLink {
  /** Where the user can connect (again). */
  readonly connect?: string | undefined
}

/**
 * A problem as problem details (RFC 9457) on the wire. Nothing may cache it.
 *
 * @see RFC 9457 section 3
 */
export function problemAnswer(problem: Problem, { connect }: ProblemLink = {}): HttpAnswer {
  return {
    status: problem.status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...retryAfter(problem),
    },
    body: JSON.stringify(problemDetails(problem, { connect })),
  }
}

/** The members of problem details, for channels without headers. */
export function problemDetails(
  { retryAfterSeconds: _, ...members }: Problem,
  { connect }: ProblemLink = {},
): Readonly<Record<string, unknown>> {
  return connect === undefined ? members : { ...members, connect }
}

/** The header that goes with a problem. */
export function retryAfter({ retryAfterSeconds }: Problem): Readonly<Record<string, string>> {
  return retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }
}
