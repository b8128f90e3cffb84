import type { Problem } from '@evergrant/core'
import type { AbstractHttpAdapter } from '@nestjs/core'

/** A problem with the link that helps. */
export interface AnsweredProblem extends Problem {
  /** Where the user can connect again. */
  readonly connect?: string
}

/** Problem details in RFC 9457's own form. */
export function problemDetails({ retryAfterSeconds: _, ...members }: AnsweredProblem): object {
  return members
}

/** Answers a request on any platform; an answer that has begun is only ended. */
export function answerProblem(
  adapter: AbstractHttpAdapter,
  response: unknown,
  problem: AnsweredProblem,
): void {
  if (hasBegun(adapter, response)) {
    adapter.end(response)
    return
  }
  adapter.setHeader(response, 'Content-Type', 'application/problem+json')
  adapter.setHeader(response, 'Cache-Control', 'no-store')
  if (problem.retryAfterSeconds !== undefined) {
    adapter.setHeader(response, 'Retry-After', String(problem.retryAfterSeconds))
  }
  // As text: Nest would put a media type of its own on an object.
  adapter.reply(response, JSON.stringify(problemDetails(problem)), problem.status)
}

/** Fastify's adapter of Nest 11 does not see what was written to the response beneath its reply. */
function hasBegun(adapter: AbstractHttpAdapter, response: unknown): boolean {
  const { raw } = response as { readonly raw?: { readonly headersSent?: boolean } }
  return adapter.isHeadersSent(response) || raw?.headersSent === true
}
