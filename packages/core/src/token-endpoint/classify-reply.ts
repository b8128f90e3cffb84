import type { ProviderFacts, RefusalShape } from '../provider/provider.js'
import { hasTokens, isToken, type TokenEndpointReply } from './parse-reply.js'

/** What a reply of the token endpoint means for the token that was sent. */
export type ReplyMeaning =
  /** It brought a successor. */
  | { readonly kind: 'rotated' }
  /** The token is refused for good. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** For certain nothing was spent. */
  | { readonly kind: 'unspent'; readonly reason: string; readonly limited: boolean }
  /** Nobody can know whether the token is spent. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** Our client credentials are wrong: no grant is concerned. */
  | { readonly kind: 'client-rejected'; readonly reason: string }
  /** The provider, or something before it, is in trouble: says nothing about the token. */
  | { readonly kind: 'trouble'; readonly reason: string }

/**
 * Pure: looks for tokens and for `error` in the body **before** it looks at the status, because providers
 * refuse with HTTP 200 and because a successor is a successor whatever the status says.
 *
 * @see RFC 6749 section 5.2
 */
export function classifyReply(
  reply: TokenEndpointReply,
  facts: Pick<ProviderFacts, 'refusals' | 'unspentStatuses'>,
): ReplyMeaning {
  const { status, members } = reply
  // A damaged reply without a refresh token may have had one: keeping the old, spent one would be a guess.
  const whole = reply.wellFormed || isToken(members.refresh_token)
  // A refusal may echo the request: what comes with an error is a successor only with an access token.
  const meant = members.error === undefined || isToken(members.access_token)
  if (whole && meant && hasTokens(members)) return { kind: 'rotated' }
  const http = `http_${status}`
  if (status === 429) return { kind: 'unspent', reason: http, limited: true }

  const error = isToken(members.error) ? members.error.slice(0, 80) : undefined
  if (error !== undefined) {
    if (error === 'invalid_grant' || facts.refusals.some((shape) => matches(shape, reply))) {
      return { kind: 'refused', reason: error }
    }
    if (error === 'invalid_client') return { kind: 'client-rejected', reason: error }
  }
  if (facts.unspentStatuses.includes(status)) return { kind: 'unspent', reason: http, limited: false }
  if (status >= 500) return { kind: 'unknown', reason: http }
  if (error !== undefined) return { kind: 'trouble', reason: codeLike(error) ?? http }
  if (status >= 200 && status < 300) return { kind: 'unknown', reason: 'unreadable_reply' }
  return { kind: 'trouble', reason: http }
}

function matches(shape: RefusalShape, { status, members }: TokenEndpointReply): boolean {
  if (shape.error !== members.error) return false
  if (shape.status !== undefined && shape.status !== status) return false
  const { containing } = shape
  if (containing === undefined) return true
  const text = members[containing.member]
  return typeof text === 'string' && containing.anyOf.some((part) => text.includes(part))
}

/** An `error` is passed on only if it is words: a server may echo what it was sent, also in hex. */
function codeLike(error: string): string | undefined {
  return error.length <= 40 && /^[a-z]+(_[a-z]+)*$/.test(error) ? error : undefined
}
