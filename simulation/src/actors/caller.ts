import type { AccessToken, EvergrantError, GetAccessTokenOptions, TokenManager } from '@evergrant/core'
import { hiddenMs, type StoreAnchor } from '../fleet/clock-mark.js'
import type { FleetProcess } from '../fleet/fleet-process.js'
import { judgeBystander } from '../oracle/judge-bystanders.js'
import { type Call, judgeFailed, judgeHandedOut, judgeSilence } from '../oracle/judge-hand-outs.js'
import { grantName } from '../oracle/ledger.js'
import type { JudgedProvider } from '../oracle/oracle.js'
import { count } from '../run/tally.js'
import type { World } from '../run/world.js'

/** What one caller wants. */
export interface Wish {
  readonly minValidityMs?: number | undefined
  readonly forceRefresh?: boolean | undefined
  readonly timeoutMs: number
  /** The caller leaves after this long. */
  readonly leavesAfterMs?: number | undefined
  /** The token is used at the API, and a 401 reported. */
  readonly usesIt: boolean
}

export type Outcome =
  | { readonly kind: 'token'; readonly token: AccessToken }
  | { readonly kind: 'failed'; readonly code: string; readonly error: unknown }

/** One caller in one process: asks, is judged by what it gets, maybe uses it. */
export function call(
  world: World,
  owner: FleetProcess,
  provider: JudgedProvider,
  grantId: string,
  wish: Wish,
  done: (outcome: Outcome) => void = () => {},
): void {
  const manager = owner.managers.get(provider.plan.id)
  if (!manager || owner.closing) return
  const { minValidityMs, forceRefresh = false, timeoutMs } = wish
  const options: { -readonly [K in keyof GetAccessTokenOptions]: GetAccessTokenOptions[K] } = { timeoutMs }
  // Often nothing is asked for: the path without a second thought must be walked too.
  const isPlain = minValidityMs === undefined && !forceRefresh && wish.leavesAfterMs === undefined
  if (minValidityMs !== undefined) options.minValidityMs = minValidityMs
  if (forceRefresh) options.forceRefresh = true
  if (wish.leavesAfterMs !== undefined) {
    const leaving = new AbortController()
    owner.process.post(wish.leavesAfterMs, 'caller leaves', () => leaving.abort(new Error('left')))
    options.signal = leaving.signal
  }
  const begun = begin(world, owner, provider, grantId, wish, false)
  world.tell(
    () =>
      `${owner.process.name}: a caller wants ${grantId}${forceRefresh ? ', forced' : ''}${minValidityMs === undefined ? '' : `, for ${Math.round(minValidityMs)} ms`}`,
  )
  const answer =
    isPlain && timeoutMs === 30_000
      ? manager.getAccessToken(grantId)
      : manager.getAccessToken(grantId, options)
  settle(world, owner, begun, answer, (outcome) => {
    if (outcome.kind === 'token' && wish.usesIt)
      use(world, owner, manager, begun, outcome.token, wish.timeoutMs)
    done(outcome)
  })
}

function begin(
  world: World,
  owner: FleetProcess,
  provider: JudgedProvider,
  grantId: string,
  { minValidityMs, forceRefresh = false, timeoutMs }: Wish,
  isReplacement: boolean,
): Call {
  world.tally.calls += 1
  return {
    process: owner.process,
    provider,
    grantId,
    minValidityMs,
    forceRefresh,
    isReplacement,
    startedAtMs: world.time.nowMs,
    timeoutMs,
    // A small cache forgets on purpose.
    knew: world.plan.smallCache
      ? undefined
      : owner.known.get(grantName({ provider: provider.plan.id, grantId })),
  }
}

function settle(
  world: World,
  owner: FleetProcess,
  begun: Call,
  answer: Promise<AccessToken | undefined>,
  done: (outcome: Outcome) => void,
): void {
  const { bench } = world.verdicts
  const { process } = owner
  process.pending += 1
  owner.calls.add(begun)
  const end = (): boolean => {
    process.pending -= 1
    owner.calls.delete(begun)
    return process.state !== 'dead'
  }
  answer.then(
    (token) => {
      if (!end()) return
      world.time.note('token')
      world.tell(
        () =>
          `${process.name}: ${begun.grantId} -> ${token ? `${String(token)} ${token.chain}` : 'no other token'}`,
      )
      bench.reached(`call: ${token ? 'token' : 'no other token'}`)
      if (!token) return
      judgeHandedOut(bench, begun, token, anchorOf(owner, begun))
      const { handed } = owner
      const before = handed.get(begun.grantId)
      const isLower = before?.chain === token.chain && token.generation < before.generation
      if (isLower && !world.plan.smallCache) {
        bench.violated(
          'P5 fresh',
          `${process.name} handed out generation ${token.generation} after ${before.generation}`,
          begun.grantId,
        )
      }
      handed.set(begun.grantId, token)
      judgeBystander(world, begun, undefined)
      done({ kind: 'token', token })
    },
    (error: EvergrantError) => {
      if (!end()) return
      // A caller's own abort has no code.
      const code = (error as Partial<EvergrantError>).code ?? 'left'
      world.time.note(code)
      world.tell(() => `${process.name}: ${begun.grantId} -> ${code} ${error.reason ?? ''}`)
      bench.reached(`call: ${code}`)
      judgeSilence(bench, `the error ${code}`, error)
      // Clocks that run ahead make a token look older than it is: that is not core's doing.
      const anchor = anchorOf(owner, begun)
      const ahead = Math.max(0, anchor.aheadMs - hiddenMs(process, anchor, world.time))
      const life = begun.provider.plan.accessLifeMs
      judgeFailed(bench, begun, error, { quietMs: Math.min(30_000, life / 10) + 1_000 + ahead })
      judgeBystander(world, begun, code)
      done({ kind: 'failed', code, error })
    },
  )
}

function anchorOf({ anchors, process }: FleetProcess, { provider }: Call): StoreAnchor {
  return (
    anchors.get(provider.plan.id) ?? {
      trueMs: 0,
      wallMs: process.machine.wallMs(),
      monotonicMs: 0,
      aheadMs: 0,
    }
  )
}

/** The API looks at the token some time later; a 401 is reported as adapters do. */
function use(
  world: World,
  owner: FleetProcess,
  manager: TokenManager,
  begun: Call,
  token: AccessToken,
  timeoutMs: number,
): void {
  const { provider } = begun
  owner.process.post(world.chance.between(5, 300), 'API answers', () => {
    if (owner.closing || isAccepted(world, provider, token)) return
    count(world.tally.coverage, 'API answered 401')
    world.verdicts.bench.ledger.rejected.add(token.reveal())
    world.tell(() => `${owner.process.name}: the API refuses ${begun.grantId}#${token.generation}`)
    const report = begin(world, owner, provider, begun.grantId, { timeoutMs, usesIt: false }, true)
    settle(world, owner, report, manager.reportRejected(token, { timeoutMs }), () => {})
  })
}

export function isAccepted(world: World, { plan, server }: JudgedProvider, token: AccessToken): boolean {
  if (world.conditions.apisRefusing.has(plan.id)) {
    world.fault('API refuses everyone', { grantId: '' })
    return false
  }
  const access = server.book.access(token.reveal())
  return (
    access !== undefined && !access.dead && !access.family.revoked && world.time.nowMs < access.expiresAtMs
  )
}
