import type {
  AcquireAnswer,
  CommitRequest,
  FailRequest,
  SaveRequest,
  StoredGrant,
  TakeBudgetRequest,
} from '@evergrant/core'
import type { SimProcess } from '../fleet/sim-process.js'
import type { StoreWrite } from '../store/sim-store.js'
import { judgeDead } from './judge-losses.js'
import { judgeSettle } from './judge-settle.js'
import { refreshTokenIn } from './ledger.js'
import type { Bench } from './oracle.js'

/** What must hold of every step that the shared store carries out, whoever asked for it and however late. */
export function judgeStep(bench: Bench, process: SimProcess, write: StoreWrite): void {
  const { before, after } = write
  if (write.step === 'takeBudget') judgePriority(bench, write)
  if (write.step === 'acquire') judgeLeaseGiven(bench, process, write)
  if (write.step === 'arm' || write.step === 'acquire') judgeSettle(bench, process, write)
  if (before === after || !after) return
  const grant = after.record.grantId
  const [from, to] = [before?.record, after.record]
  const broken = (what: string): void =>
    bench.violated('store', `${process.name}'s ${write.step} ${what}`, grant)

  if (from && from.chain !== to.chain && write.step !== 'save') broken('changed the chain')
  if (from && from.chain === to.chain && to.generation !== from.generation) {
    if (write.step !== 'commit' || to.generation !== from.generation + 1) {
      broken(`moved generation ${from.generation} to ${to.generation}`)
    }
  }
  if (write.step === 'save') judgeSave(bench, write.request as SaveRequest, before, broken)
  if (write.step === 'commit') judgeCommit(bench, write.request as CommitRequest, before, after, broken)
  if (write.step === 'fail') judgeFail(bench, process, write.request as FailRequest, before, after, broken)
}

function judgeSave(
  { ledger, remembers, time }: Bench,
  { chain, grantId }: SaveRequest,
  before: StoredGrant | undefined,
  broken: (what: string) => void,
): void {
  // One that arrives after a removal finds the empty place that it expects: without tombstones no store can tell.
  if (!before || !ledger.chains.has(chain)) ledger.chains.set(chain, time.steps)
  else if (remembers(grantId)) broken('brought back a chain that was stored before')
}

/** What is stored next was given by the server for what was stored before. */
function judgeCommit(
  bench: Bench,
  request: CommitRequest,
  before: StoredGrant | undefined,
  after: StoredGrant,
  broken: (what: string) => void,
): void {
  const [old, next] = [refreshTokenIn(before?.record.secret ?? ''), refreshTokenIn(after.record.secret)]
  if (request.chain !== before?.record.chain) broken('is of another chain than what it replaced')
  if (next === undefined) {
    broken('stored a link without a refresh token')
    return
  }
  const token = bench.providers.get(after.record.provider)?.server.book.token(next)
  if (next !== old && token?.parent?.text !== old)
    broken('stored a token that does not follow from the one before')
  const whereabouts = bench.ledger.whereabouts.get(next)
  if (whereabouts) whereabouts.storedAtMs ??= bench.time.nowMs
}

function judgeFail(
  bench: Bench,
  process: SimProcess,
  request: FailRequest,
  before: StoredGrant | undefined,
  after: StoredGrant,
  broken: (what: string) => void,
): void {
  const { lease } = before ?? {}
  if (lease?.attempt !== request.attempt || lease.untilMs <= bench.store.nowMs())
    broken('marked dead without the lease')
  judgeDead(bench, process, after.record)
}

function judgeLeaseGiven(bench: Bench, process: SimProcess, { before, answer, request }: StoreWrite): void {
  if ((answer as AcquireAnswer).status !== 'acquired' || !before) return
  const { lease, record } = before
  const { attempt } = request as { attempt: string }
  if (lease && lease.attempt !== attempt && lease.untilMs > bench.store.nowMs()) {
    bench.violated('P2 one-at-a-time', `${process.name} was given a lease that another holds`, record.grantId)
  }
}

/** P4: callers first. */
function judgePriority(bench: Bench, { request, answer }: StoreWrite): void {
  const { priority } = request as TakeBudgetRequest
  const { status, waiting } = answer as { status: string; waiting: number }
  if (priority === 'background' && status === 'granted' && waiting > 0) {
    bench.violated('P4 within-budget', 'background work was given a slot while callers waited')
  }
}
