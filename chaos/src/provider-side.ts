import { randomBytes } from 'node:crypto'
import type { OAuth2ProviderOptions, TokenReply } from '@evergrant/core'
import { type AuthorizationServer, type LedgerEntry, startAuthorizationServer } from '@evergrant/testing'
import { ACCESS_TOKEN_LIFETIME_MS, BUDGET, GRANTS } from './conditions.js'
import type { Presentation } from './history.js'
import type { ReplyFault } from './plan-round.js'

/** The emulated provider: it revokes the family at a second use, and a rotation kills the old access token. */
export interface ProviderSide {
  readonly options: OAuth2ProviderOptions
  readonly apiUrl: string
  /** As if the user had just authorized: a new family for this grant. */
  authorize(grantId: string): TokenReply
  familyOf(grantId: string): string
  /** Why a worker needs a new token: the API refuses the ones it has. */
  rejectAccessTokens(): void
  arrange(faults: readonly ReplyFault[]): void
  endFaults(): void
  /** Takes over what the ledger has; forgets it there. */
  harvest(): void
  isRevoked(family: string): boolean
  readonly presentations: readonly Presentation[]
  rotations(): number
  /** Requests that came when the window was full. */
  overBudget(): number
  close(): Promise<void>
}

export async function startProviderSide(seed: string, now: () => number): Promise<ProviderSide> {
  const server: AuthorizationServer = await startAuthorizationServer({
    preset: 'oidcProvider',
    oldAccessToken: 'dies',
    accessTokenLifetimeMs: ACCESS_TOKEN_LIFETIME_MS,
    clients: [{ clientId: 'chaos', clientSecret: randomBytes(16).toString('hex') }],
    seed: `${seed} ${randomBytes(8).toString('hex')}`,
    now,
  })
  const { clientId, clientSecret, tokenEndpoint, apiUrl } = server
  const families = new Map<string, string>()
  const presentations: Presentation[] = []
  const arrivals: number[] = []
  const taken = new Set<number>()
  const revoked = new Set<string>()
  let rotations = 0

  function take(entry: LedgerEntry): void {
    if (entry.endedAtMs === null || taken.has(entry.seq)) return
    taken.add(entry.seq)
    arrivals.push(entry.atMs)
    if (entry.decision === 'rotated') rotations += 1
    if (entry.presented === null || entry.family === null) return
    const { decision } = entry
    presentations.push({
      family: entry.family,
      token: entry.presented,
      arrivedMs: entry.atMs,
      endedMs: entry.endedAtMs,
      decision: decision === 'rotated' || decision === 'reuse' ? decision : 'other',
      successor: entry.issuedRefreshToken,
      replyCut: entry.outcome.startsWith('fault:'),
    })
  }

  const familyOf = (grantId: string): string => families.get(grantId) ?? ''
  return {
    options: {
      id: 'chaos',
      clientId,
      clientSecret,
      tokenEndpoint,
      reuse: 'revokes-grant',
      oldAccessToken: 'dies',
      budget: BUDGET,
    },
    apiUrl,
    authorize(grantId) {
      const reply = server.issueGrant({ sub: grantId })
      families.set(grantId, server.familyOf(reply.refresh_token) ?? '')
      return reply
    },
    familyOf,
    rejectAccessTokens() {
      for (const grantId of GRANTS) server.expireAccessTokens(familyOf(grantId))
    },
    arrange(faults) {
      for (const fault of faults) {
        const family = familyOf(GRANTS[fault.grant] ?? '')
        const { kind } = fault
        if (kind === 'half') server.faults.add({ kind: 'cut', at: 'in-body', family })
        else if (kind === 'hang') server.faults.add({ kind, family })
        else if (kind === 'cut') server.faults.add({ kind, when: fault.when, family })
        else server.faults.add({ kind, when: fault.when, ms: fault.ms, family })
      }
    },
    endFaults: () => server.faults.clear(),
    harvest() {
      const requests = server.ledger.tokenRequests()
      for (const entry of requests) take(entry)
      for (const { family } of server.ledger.familiesRevoked()) revoked.add(family)
      // What is still being served would be forgotten with the rest.
      if (requests.every(({ endedAtMs }) => endedAtMs !== null)) server.ledger.clear()
    },
    isRevoked: (family) => revoked.has(family),
    presentations,
    rotations: () => rotations,
    overBudget: () => countOverBudget(arrivals),
    close: () => server.close(),
  }
}

/** Requests that had `limit` others before them in a window that ends with them. */
export function countOverBudget(arrivals: readonly number[], { limit, windowMs } = BUDGET): number {
  const inOrder = [...arrivals].sort((a, b) => a - b)
  return inOrder.filter((atMs, i) => atMs - (inOrder[i - limit] ?? Number.NEGATIVE_INFINITY) < windowMs)
    .length
}
