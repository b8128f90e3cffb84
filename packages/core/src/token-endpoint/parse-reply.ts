import { salvageMembers } from './salvage-members.js'

/**
 * What a token endpoint answered, as far as it can be read. Tolerant on purpose: whatever can still be read
 * of a successor must not be lost to a formality, for the token that it replaces is spent.
 */
export interface TokenEndpointReply {
  readonly status: number
  /** Members of the body, whatever its format; empty when nothing can be read. */
  readonly members: Readonly<Record<string, unknown>>
  /** The body was whole and in a known format. */
  readonly wellFormed: boolean
  /** How long the provider asks us to wait before we try again; `undefined`: it does not say. */
  readonly retryAfterMs: number | undefined
  /** Its limit is used up for this long, by whomever; `undefined`: it is not, or nobody knows until when. */
  readonly usedUpForMs: number | undefined
}

type Members = Record<string, unknown>

/** Reads JSON, form encoding (GitHub's in some answers), or what is left of a damaged JSON body. */
export function parseBody(text: string, complete: boolean): { members: Members; wellFormed: boolean } {
  const json = parseJsonObject(text)
  if (json) return { members: json, wellFormed: complete }
  // Some servers print warnings around their JSON.
  const framed = parseJsonObject(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))
  if (framed) return { members: framed, wellFormed: complete }
  if (complete && /^\s*[\w.~%+-]+=[^<>{}\s]*$/.test(text)) {
    const form = Object.fromEntries(new URLSearchParams(text.trim()))
    if (hasTokens(form) || typeof form.error === 'string') return { members: form, wellFormed: true }
  }
  return { members: salvageMembers(text), wellFormed: false }
}

/** Whether a successor is in there. */
export function hasTokens(members: Readonly<Members>): boolean {
  return isToken(members.access_token) || isToken(members.refresh_token)
}

export function isToken(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function parseJsonObject(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Members)
      : undefined
  } catch {
    return undefined
  }
}
