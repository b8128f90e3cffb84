/** No provider means longer: a wrong header must not silence a fleet for years. */
const LONGEST_MS = 3_600_000

/** What a reply says about when the next request may come. Milliseconds from now. */
export interface ReplyLimits {
  readonly retryAfterMs: number | undefined
  readonly usedUpForMs: number | undefined
}

/**
 * `Retry-After` (RFC 9110 section 10.2.3) and the `X-RateLimit-*` headers, also without their `X-`. Waits are cut to
 * an hour. Nothing is concluded from a limit that is used up without a word of when it is open again: the one
 * request that asks is answered with 429, which spends nothing and says when.
 */
export function parseLimits(headers: Headers, nowMs: number): ReplyLimits {
  const rateLimit = (name: string): string | null =>
    headers.get(`x-ratelimit-${name}`) ?? headers.get(`ratelimit-${name}`)
  // The provider's instants are on its own clock.
  const sentAtMs = Date.parse(headers.get('date') ?? '')
  const resetMs = parseReset(rateLimit('reset'), Number.isNaN(sentAtMs) ? nowMs : sentAtMs)
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), nowMs)
  const isUsedUp = rateLimit('remaining')?.trim() === '0'
  return {
    retryAfterMs: retryAfterMs ?? resetMs,
    usedUpForMs: isUsedUp ? (resetMs ?? retryAfterMs) : undefined,
  }
}

/** Seconds, or a date. */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  const text = header.trim()
  if (/^\d{1,15}$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_MS)
  const atMs = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? undefined : Math.min(Math.max(0, atMs - nowMs), LONGEST_MS)
}

/** No standard says which: seconds from now, or an instant in seconds or milliseconds. Their sizes tell them apart. */
function parseReset(header: string | null, nowMs: number): number | undefined {
  if (header === null || !/^\d{1,15}$/.test(header.trim())) return undefined
  const value = Number(header)
  const forMs = value < 1e9 ? value * 1000 : (value < 1e12 ? value * 1000 : value) - nowMs
  return Math.min(Math.max(0, forMs), LONGEST_MS)
}
