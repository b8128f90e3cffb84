import type { AccessToken, EvergrantError } from '@evergrant/core'
import { type ClockMark, hiddenMs } from '../fleet/clock-mark.js'
import type { SimProcess } from '../fleet/sim-process.js'
import { SECRET_MARK } from '../server/token-book.js'
import type { Bench, JudgedProvider } from './oracle.js'

/** What a caller asked for, and what its process knew at that time. */
export interface Call {
  readonly process: SimProcess
  readonly provider: JudgedProvider
  readonly grantId: string
  readonly minValidityMs: number | undefined
  readonly forceRefresh: boolean
  readonly isReplacement: boolean
  readonly startedAtMs: number
  readonly timeoutMs: number
  /** The newest link that had reached this process when the call began. */
  readonly knew: KnownLink | undefined
}

export interface KnownLink {
  readonly chain: string
  readonly generation: number
  /** Access token of that link. */
  readonly access: string | undefined
  readonly state: 'live' | 'dead'
}

const ROUNDING_MS = 3

/** P5 and P6: what was handed out is this grant's, valid for as long as asked, and not older than what was known. */
export function judgeHandedOut(bench: Bench, call: Call, token: AccessToken, storeAnchor: ClockMark): void {
  const { grantId, process, knew } = call
  const access = call.provider.server.book.access(token.reveal())
  if (!access || access.family.grantId !== grantId) {
    bench.violated('P6 apart', `${process.name} was handed a token that is not this grant's`, grantId)
    return
  }
  const hidden = Math.max(0, hiddenMs(process, storeAnchor, bench.time))
  const late = Math.max(0, bench.ledger.writtenLateByMs.get(access.text)?.() ?? 0)
  const leftMs = access.expiresAtMs - bench.time.nowMs + hidden + late + ROUNDING_MS
  const wantedMs = call.minValidityMs ?? 0
  if (leftMs < wantedMs || leftMs <= 0) {
    bench.violated(
      'P5 fresh',
      `${process.name} was handed a token valid for ${Math.round(leftMs)} ms, asked for ${wantedMs}`,
      grantId,
    )
  }
  if (!knew || !bench.remembers(grantId)) return
  const { chains } = bench.ledger
  const older =
    token.chain === knew.chain
      ? token.generation < knew.generation
      : (chains.get(token.chain) ?? Number.POSITIVE_INFINITY) < (chains.get(knew.chain) ?? 0)
  if (older) bench.violated('P5 fresh', `${process.name} was handed a link older than what it knew`, grantId)
}

/** P5: no failure of a renewal hurts a token that still works. */
export function judgeFailed(
  bench: Bench,
  call: Call,
  error: EvergrantError,
  margin: { readonly quietMs: number },
): void {
  const { grantId, process, knew } = call
  if (!TROUBLE.has(error.code) || call.forceRefresh || call.isReplacement || call.minValidityMs !== undefined)
    return
  if (!knew || knew.state === 'dead' || knew.access === undefined || !bench.remembers(grantId)) return
  const stored = bench.store.get({ provider: call.provider.plan.id, grantId })?.record
  if (stored?.chain !== knew.chain || stored.generation !== knew.generation || stored.state === 'dead') return
  const access = call.provider.server.book.access(knew.access)
  // As its link says: a request that was long under way brought a token that lives longer than anybody can know.
  const knownLeftMs = (stored.expiresAtMs ?? Number.POSITIVE_INFINITY) - bench.store.nowMs()
  const leftMs = Math.min(knownLeftMs, (access?.expiresAtMs ?? 0) - bench.time.nowMs)
  if (!access || leftMs < margin.quietMs || bench.ledger.rejected.has(knew.access)) return
  bench.violated(
    'P5 fresh',
    `${process.name} got ${error.code} though its token works for ${Math.round(leftMs)} ms more`,
    grantId,
  )
}

const TROUBLE: ReadonlySet<string> = new Set([
  'STORE_UNAVAILABLE',
  'TIMEOUT',
  'RATE_LIMITED',
  'PROVIDER_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'CLIENT_REJECTED',
  'UNEXPECTED',
])

/** P7: whatever an application may print holds no secret. */
export function judgeSilence(bench: Bench, what: string, printed: unknown): void {
  const text =
    printed instanceof Error
      ? `${String(printed)} ${JSON.stringify({ ...printed })} ${printed.cause}`
      : JSON.stringify(printed)
  if (text?.includes(SECRET_MARK)) bench.violated('P7 silent', `${what} holds a secret`)
}
