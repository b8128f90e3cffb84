import type { Fault } from '../reached/faults.js'
import type { FaultMix } from '../run/fault-mix.js'
import type { ProviderPlan } from '../run/plan-world.js'
import type { SeededChance } from '../time/seeded-chance.js'
import { createTokenBook, type TokenBook } from './token-book.js'
import type { AccessGrant, Decision, ServerToken } from './token-family.js'

/** What the server answers, and what it did. */
export interface ServerReply {
  readonly status: number
  readonly retryAfterS?: number
  readonly text: string
  /** `undefined`: the request was not judged. */
  readonly decision: Decision | undefined
  /** The refresh token in it, which whoever reads the reply must keep. */
  readonly brings: ServerToken | undefined
  /** For coverage and traces. */
  readonly label: string
}

export interface AuthorizationServer {
  readonly book: TokenBook
  /** A code that can be exchanged once. */
  issueCode(grantId: string): string
  /** One request to the token or revocation endpoint. */
  answer(
    body: string,
    nowMs: number,
    faults: FaultMix['server'] | undefined,
    /** Told of faults that change the answer. */
    onFault: (fault: Fault) => void,
  ): ServerReply
  /** Refuses the client's credentials until then. */
  rejectClientUntil(untilMs: number): void
  isClientRejected(nowMs: number): boolean
}

export function createAuthorizationServer(plan: ProviderPlan, chance: SeededChance): AuthorizationServer {
  const { kind } = plan
  const book = createTokenBook(kind, { accessMs: plan.accessLifeMs, refreshMs: plan.refreshLifeMs }, chance)
  const codes = new Map<string, string>()
  let issuedCodes = 0
  let rejectedUntilMs = 0
  let window = { startMs: 0, count: 0 }

  function throttle(nowMs: number): ServerReply | undefined {
    if (!plan.budget) return undefined
    // Counts a fixed window from its first request on, as Laravel's throttle does.
    if (nowMs >= window.startMs + plan.budget.windowMs) window = { startMs: nowMs, count: 0 }
    window.count += 1
    if (window.count <= plan.budget.limit) return undefined
    return tooMany(Math.ceil((window.startMs + plan.budget.windowMs - nowMs) / 1000), '429 own window')
  }

  function refusal(decision: Decision): ServerReply {
    const text = JSON.stringify
    const made = (status: number, body: string): ServerReply => ({
      status,
      text: body,
      decision,
      brings: undefined,
      label: 'refused',
    })
    switch (kind.refusal) {
      case 'invalid_grant':
        return made(400, text({ error: 'invalid_grant' }))
      case 'passport':
        return made(
          401,
          text({
            error: 'invalid_request',
            error_description: 'The refresh token is invalid.',
            hint: 'Token has been revoked',
          }),
        )
      case 'http-200':
        return made(200, text({ error: 'bad_refresh_token', error_description: 'incorrect or expired' }))
      case 'http-200-form':
        return made(200, 'error=bad_refresh_token&error_description=incorrect+or+expired')
      case 'unauthorized_client':
        return made(
          403,
          text({ error: 'unauthorized_client', error_description: 'refresh_token is invalid' }),
        )
    }
  }

  function success(
    decision: Decision | undefined,
    access: AccessGrant,
    refresh: ServerToken | undefined,
    nowMs: number,
    odd: boolean,
  ): ServerReply {
    const body = {
      // Some servers send no type, one sends nonsense: what a strict reader would throw away.
      ...(odd ? { token_type: 'N_A' } : kind.name !== 'passport' && { token_type: 'Bearer' }),
      expires_in: Math.floor((access.expiresAtMs - nowMs) / 1000),
      access_token: access.text,
      ...(refresh && { refresh_token: refresh.text }),
    }
    const text = JSON.stringify(body)
    const form = kind.refusal === 'http-200-form' && chance.happens(0.3)
    return {
      status: 200,
      text: form
        ? new URLSearchParams(Object.entries(body).map(([k, v]) => [k, String(v)])).toString()
        : text,
      decision,
      brings: refresh,
      label: refresh ? 'rotated' : 'renewed',
    }
  }

  function judge(fields: URLSearchParams, nowMs: number, odd: boolean): ServerReply {
    switch (fields.get('grant_type')) {
      case 'refresh_token': {
        const decision = book.refresh(fields.get('refresh_token') ?? '', nowMs)
        if (decision.kind === 'refused') return refusal(decision)
        return success(
          decision,
          decision.access,
          decision.kind === 'rotated' ? decision.token : undefined,
          nowMs,
          odd,
        )
      }
      case 'authorization_code': {
        const code = fields.get('code') ?? ''
        const grantId = codes.get(code)
        codes.delete(code)
        if (grantId === undefined) return refusal({ kind: 'refused', why: 'unknown' })
        const token = book.authorize(grantId, nowMs)
        return success(undefined, token.access, token, nowMs, false)
      }
      case null: {
        book.revoke(fields.get('token') ?? '')
        return { status: 200, text: '', decision: undefined, brings: undefined, label: 'revoked' }
      }
      default:
        return plainReply(400, JSON.stringify({ error: 'unsupported_grant_type' }), 'unsupported')
    }
  }

  /** Damage that leaves the refresh token readable: it must be salvaged. */
  function damage(reply: ServerReply): ServerReply {
    if (!reply.brings || !reply.text.startsWith('{')) return reply
    const text = chance.pick<(text: string) => string>([
      (whole) => `${whole.slice(0, -1)}, "id_token": "eyJ`,
      (whole) => `Warning: something\n${whole}\n<!-- served in 3 ms -->`,
      (whole) => `${whole.slice(0, -1)}]]`,
    ])(reply.text)
    const status = chance.pick([200, 200, 500, 403])
    return { ...reply, text, status, label: `damaged ${reply.label}` }
  }

  return {
    book,
    issueCode(grantId) {
      issuedCodes += 1
      const code = `code-${issuedCodes}`
      codes.set(code, grantId)
      return code
    },
    answer(body, nowMs, faults, onFault) {
      const fields = body.startsWith('{')
        ? new URLSearchParams(JSON.parse(body) as Record<string, string>)
        : new URLSearchParams(body)
      // The throttle is the token endpoint's; revocations have a URL of their own.
      const throttled = fields.has('grant_type') ? throttle(nowMs) : undefined
      if (throttled) return throttled
      if (nowMs < rejectedUntilMs) {
        onFault('client rejected')
        return plainReply(401, JSON.stringify({ error: 'invalid_client' }), 'invalid_client')
      }
      if (!faults) return judge(fields, nowMs, false)
      if (chance.happens(faults.throttled)) {
        onFault('429')
        return tooMany(chance.pick([undefined, 1, 5, 20]), '429')
      }
      if (chance.happens(faults.failsBefore)) {
        onFault('5xx before')
        return plainReply(chance.pick([500, 502, 503]), '<h1>Oops</h1>', '5xx before')
      }
      if (chance.happens(faults.firewall)) {
        onFault('firewall')
        return plainReply(chance.pick([403, 404, 307]), '<html>Request blocked</html>', 'firewall')
      }
      const reply = judge(fields, nowMs, chance.happens(faults.oddType))
      if (chance.happens(faults.failsAfter)) {
        onFault('5xx after')
        // A server that promises that 503 spends nothing keeps that promise.
        const status = kind.unspent503 ? 500 : chance.pick([500, 503])
        return { ...plainReply(status, '', '5xx after'), decision: reply.decision }
      }
      if (reply.text.includes('N_A')) {
        onFault('odd token_type')
        return reply
      }
      const damaged = chance.happens(faults.malformed) ? damage(reply) : reply
      if (damaged !== reply) onFault('damaged reply')
      return damaged
    },
    rejectClientUntil(untilMs) {
      rejectedUntilMs = untilMs
    },
    isClientRejected: (nowMs) => nowMs < rejectedUntilMs,
  }
}

function plainReply(status: number, text: string, label: string): ServerReply {
  return { status, text, decision: undefined, brings: undefined, label }
}

function tooMany(retryAfterS: number | undefined, label: string): ServerReply {
  const reply = plainReply(429, JSON.stringify({ message: 'Too Many Attempts.' }), label)
  return retryAfterS === undefined ? reply : { ...reply, retryAfterS }
}
