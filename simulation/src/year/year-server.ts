import type { NetworkLine, ReplyFate, SentRequest } from '../network/sim-fetch.js'
import type { ServerReply } from '../server/authorization-server.js'
import type { SeededChance } from '../time/seeded-chance.js'
import { indexOf } from './year-store.js'

/**
 * An authorization server of Passolution's kind with a million families: one number each. A token is valid if it bears
 * its family's last number; a rotation kills the access token before it.
 */
export interface YearServer {
  /** The reply of a login that long ago. */
  authorize(
    grantId: string,
    ageMs: number,
  ): { access_token: string; refresh_token: string; expires_in: number }
  isValid(accessToken: string): boolean
  /** Whether this refresh token would be taken now. */
  accepts(refreshToken: string): boolean
  /** From now on the only one. */
  setSecret(secret: string): void
  readonly line: NetworkLine
}

export interface YearServerOptions {
  readonly grants: number
  readonly lifeMs: number
  readonly now: () => number
  readonly isDown: () => boolean
  readonly chance: SeededChance
  readonly secret: string
  /** Told of every request to the token endpoint. */
  readonly onRequest: (label: string) => void
}

export function createYearServer(options: YearServerOptions): YearServer {
  const { lifeMs, now, chance } = options
  const numbers = new Uint16Array(options.grants)
  const expiresAtMs = new Float64Array(options.grants)
  let { secret } = options
  const wayMs = (): number => chance.between(20, 80)

  function parse(token: string): { index: number; isLast: boolean } {
    const [, grantId = '', number = ''] = token.split('.')
    const index = indexOf(grantId)
    return { index, isLast: numbers[index] === Number(number) && now() < (expiresAtMs[index] ?? 0) }
  }

  const pair = (index: number): { access_token: string; refresh_token: string } => ({
    access_token: `at.g${index}.${numbers[index]}`,
    refresh_token: `rt.g${index}.${numbers[index]}`,
  })

  function answer(body: string): ServerReply {
    const fields = JSON.parse(body) as { client_secret: string; refresh_token: string }
    if (fields.client_secret !== secret) return plain(401, { error: 'invalid_client' }, 'invalid_client')
    const { index, isLast } = parse(fields.refresh_token)
    if (!isLast) {
      const refusal = { error: 'invalid_request', error_description: 'The refresh token is invalid.' }
      return plain(401, { ...refusal, hint: 'Token has been revoked' }, 'refused')
    }
    numbers[index] = (numbers[index] ?? 0) + 1
    expiresAtMs[index] = now() + lifeMs
    return plain(200, { expires_in: lifeMs / 1000, ...pair(index) }, 'rotated')
  }

  const line: NetworkLine = {
    connect: () =>
      options.isDown() ? { kind: 'refused', afterMs: wayMs() } : { kind: 'stands', afterMs: wayMs() },
    leaves: () => ({ kind: 'arrives', afterMs: wayMs() }),
    serve(request: SentRequest) {
      const reply = answer(request.body)
      options.onRequest(reply.label)
      const fate: ReplyFate = { kind: 'arrives', afterMs: wayMs() }
      return { reply, fate }
    },
    hasRead() {},
    gaveUp() {},
    notReleased() {},
  }

  return {
    authorize(grantId, ageMs) {
      const index = indexOf(grantId)
      numbers[index] = 1
      expiresAtMs[index] = now() - ageMs + lifeMs
      return { ...pair(index), expires_in: lifeMs / 1000 }
    },
    isValid: (token) => parse(token).isLast,
    accepts: (token) => parse(token).isLast,
    setSecret(next) {
      secret = next
    },
    line,
  }
}

function plain(status: number, body: object, label: string): ServerReply {
  return { status, text: JSON.stringify(body), decision: undefined, brings: undefined, label }
}
