import type { GrantKey, StoreWatcher } from '@evergrant/core'
import { whyNotInEscrow } from '../oracle/judge-escrow.js'
import { judgeStep } from '../oracle/judge-store.js'
import { grantName, push, refreshTokenIn, type Whereabouts } from '../oracle/ledger.js'
import type { Struck } from '../reached/tries.js'
import type { World } from '../run/world.js'
import { SECRET_MARK } from '../server/token-book.js'
import type { StoreStep, StoreWrite } from '../store/sim-store.js'
import type { StoreFate, StoreLine } from '../store/store-client.js'
import type { ClockMark } from './clock-mark.js'
import type { FleetProcess } from './fleet-process.js'
import type { SimProcess } from './sim-process.js'

/** What a driver waits before it gives up, milliseconds. */
const DRIVER_TIMEOUT = { leastMs: 200, mostMs: 8_000 }
/** How late a message may come that was given up. */
const LATE = { leastMs: 50, mostMs: 60_000 }

/** The way between one process and the store that all share. */
export function remoteLine(world: World, owner: FleetProcess): StoreLine {
  const { plan, conditions, time, store, verdicts } = world
  // Core itself waits no longer.
  const { storeTimeoutMs } = world.core.defaultTimings
  const chance = world.chance.fork()
  const rates = plan.faults.store
  const wayMs = (): number => plan.storeLatencyMs * chance.between(0.3, 1)
  const failsMs = (): number => chance.spread(DRIVER_TIMEOUT.leastMs, DRIVER_TIMEOUT.mostMs)
  const lateMs = (): number => chance.spread(LATE.leastMs, LATE.mostMs)

  function drawFate(process: SimProcess, whom: Struck): StoreFate {
    const served = { kind: 'served', thereMs: wayMs(), backMs: wayMs() } as const
    if (conditions.calm) return served
    if (conditions.cutOff.has(process)) {
      world.fault('cut off from the store', whom)
      return { kind: 'request-lost', failsMs: failsMs() }
    }
    if (chance.happens(rates.requestLost)) {
      world.fault('store request lost', whom)
      return { kind: 'request-lost', failsMs: failsMs() }
    }
    if (chance.happens(rates.answerLost)) {
      world.fault('store answer lost', whom)
      return { kind: 'answer-lost', thereMs: wayMs(), failsMs: failsMs() }
    }
    if (chance.happens(rates.requestLate)) {
      world.fault('store request late', whom)
      const failed = failsMs()
      return { kind: 'request-late', failsMs: failed, lateMs: failed + lateMs() }
    }
    if (chance.happens(rates.duplicate))
      return { ...served, kind: 'duplicate', lateMs: served.thereMs + lateMs() }
    if (chance.happens(rates.slow)) {
      world.fault('store slow', whom)
      return { kind: 'served', thereMs: chance.spread(500, 4_000), backMs: chance.spread(100, 4_000) }
    }
    return served
  }

  return {
    store,
    isUp: () => !conditions.storeDown,
    fate(process, step, request) {
      const ambushed = conditions.calm ? undefined : world.ambush?.fate(world, owner, step, request)
      const fate = ambushed ?? drawFate(process, struckBy(process, request))
      world.tell(
        () =>
          `${process.name} asks ${step} ${describe(request)}${fate.kind === 'served' ? '' : ` [${fate.kind}]`}`,
      )
      if (step === 'arm') verdicts.bench.ledger.armAskedAtMs.set(request as object, time.nowMs)
      if (step === 'commit') whyNotInEscrow(world, owner, request)
      if (step === 'commit' && fate.kind === 'served' && fate.thereMs > 400) spoil(process, request)
      return fate
    },
    carriedOut(process, write) {
      world.tell(
        () => `  store: ${process.name}'s ${write.step} ${describe(write.request)} -> ${outcome(write)}`,
      )
      verdicts.bench.reached(`store ${write.step}: ${outcome(write)}`)
      time.note(write.step)
      world.tries.carriedOut(process, write)
      judgeStep(verdicts.bench, process, write)
      if (write.step === 'commit' && write.before !== write.after) world.tally.rotations += 1
      if (!conditions.calm) world.ambush?.carriedOut?.(world, process, write)
      notify(write)
    },
    answered(process, write, askedAt) {
      note(process, write, askedAt)
    },
    failed(process, step, request, { kind, askedAtMs, failsAtMs }) {
      if (step === 'acquire') {
        verdicts.bench.ledger.awayAtMs.set(
          `${process.name} ${grantName(request as GrantKey)}`,
          Math.min(failsAtMs, askedAtMs + storeTimeoutMs),
        )
      }
      if (kind === 'away') world.fault('store away', struckBy(process, request))
      if (step === 'commit') spoil(process, request)
    },
    ...(plan.hasNotices && {
      watch(process: SimProcess, watcher: StoreWatcher) {
        const entry = { process, watcher }
        world.conditions.watchers.add(entry)
        return () => void world.conditions.watchers.delete(entry)
      },
    }),
  }

  function spoil(process: SimProcess, request: unknown): void {
    whereaboutsOf(request)?.spoiled.push({ process, atMs: time.nowMs })
  }

  /** Of what a commit would store. */
  function whereaboutsOf(request: unknown): Whereabouts | undefined {
    const token = refreshTokenIn((request as { next: { secret: string } }).next.secret)
    return token === undefined ? undefined : verdicts.bench.ledger.whereabouts.get(token)
  }

  function notify({ step, key, before, after }: StoreWrite): void {
    if (!key || before === after || !NOTICED.has(step)) return
    const { chain = '', generation = 0 } = after?.record ?? {}
    const link = { provider: key.provider, grantId: key.grantId, chain, generation }
    const { notice } = plan.faults
    for (const { process, watcher } of conditions.watchers) {
      if (process.state === 'dead') continue
      const whom = { process, grantId: key.grantId }
      if (!conditions.calm && (conditions.cutOff.has(process) || chance.happens(notice.lost))) {
        if (process.pending > 0) world.fault('notice lost', whom)
        continue
      }
      if (!conditions.calm && chance.happens(notice.gap)) {
        // The connection broke: this one is lost, and the client says that it missed something.
        if (process.pending > 0) world.fault('notices cut off', whom)
        process.post(wayMs(), 'gap', () => watcher.gap())
        continue
      }
      const late = !conditions.calm && chance.happens(notice.late)
      if (late && process.pending > 0) world.fault('notice late', whom)
      process.post(late ? chance.spread(500, 20_000) : wayMs(), 'notice', () => watcher.changed(link))
    }
  }

  /** What this answer tells the process, and so what it may be held to. */
  function note(
    process: SimProcess,
    { step, request, answer, before, atMs }: StoreWrite,
    askedAt: ClockMark,
  ): void {
    // Core has given the question up: it was told nothing.
    if (process.machine.monotonicMs() - askedAt.monotonicMs >= storeTimeoutMs) return
    const { ledger } = verdicts.bench
    const { status, untilMs, validUntilMs } = (answer ?? {}) as {
      status?: string
      untilMs?: number
      validUntilMs?: number
    }
    if (step === 'takeBudget' && status === 'granted' && validUntilMs !== undefined) {
      const { bucket, slot } = request as { bucket: string; slot: string }
      push(ledger.slots, process, { process, bucket, id: slot, askedAt, validUntilMs, used: false })
    }
    if (step === 'commit' && (status === 'missing' || status === 'superseded')) {
      const refused = whereaboutsOf(request)
      if (refused) refused.refusedAtMs ??= atMs
    }
    if (step === 'remove' && before) {
      const removed = ledger.whereabouts.get(refreshTokenIn(before.record.secret) ?? '')
      if (removed) removed.refusedAtMs ??= atMs
    }
    if (step !== 'arm' || status !== 'armed' || !before || untilMs === undefined) return
    const { attempt } = request as { attempt: string }
    const key: GrantKey = before.record
    const token = refreshTokenIn(before.record.secret)
    if (token === undefined) return
    push(ledger.arms, process, {
      process,
      key,
      attempt,
      token,
      record: before.record,
      askedAt,
      armedAtMs: atMs,
      untilMs,
      lookedAtMs: owner.lookedAtMs.get(grantName(key)) ?? 0,
      used: false,
    })
  }
}

/** Questions for the budget, and for what is due, are of no grant. */
function struckBy(process: SimProcess, request: unknown): Struck {
  return { process, grantId: (request as Partial<GrantKey>).grantId ?? '' }
}

const NOTICED: ReadonlySet<StoreStep> = new Set<StoreStep>(['save', 'commit', 'fail', 'release', 'remove'])

function outcome({ step, answer, before, after }: StoreWrite): string {
  const { status } = (answer ?? {}) as { status?: string }
  if (status !== undefined) return status
  if (step === 'load') return before ? before.record.state : 'nothing'
  return before === after ? 'no change' : 'changed'
}

/** For traces: names and generations, never a secret. */
function describe(request: unknown): string {
  const {
    grantId,
    chain,
    generation,
    attempt,
    outcome: how,
    next,
    secret,
    slot,
  } = request as Record<string, unknown>
  const token = refreshTokenIn(String(secret ?? (next as { secret?: string } | undefined)?.secret ?? ''))
  return [
    grantId,
    chain === undefined ? '' : `${String(chain)}#${String(generation)}`,
    attempt ?? slot ?? '',
    how ?? '',
    token === undefined ? '' : `RT ${token.slice(3).replace(`.${SECRET_MARK}`, '')}`,
  ]
    .filter((part) => part !== '' && part !== undefined)
    .join(' ')
}

/** The way to the store on the machine's own disk. */
export function localLine(world: World, owner: FleetProcess, store: StoreLine['store']): StoreLine {
  const { plan, conditions, time, verdicts } = world
  const chance = world.chance.fork()
  const rates = plan.faults.local
  const wayMs = (): number => chance.between(0.1, 2)

  return {
    store,
    isUp: () => true,
    fate(process) {
      const served = { kind: 'served', thereMs: wayMs(), backMs: wayMs() } as const
      if (conditions.calm) return served
      if (chance.happens(rates.fails)) {
        world.fault('local store fails', { process })
        owner.localTroubleAtMs = time.nowMs
        return { kind: 'away', backMs: wayMs() }
      }
      if (chance.happens(rates.stalls)) {
        world.fault('local store stalls', { process })
        owner.localTroubleAtMs = time.nowMs
        return { kind: 'served', thereMs: chance.spread(100, 5_000), backMs: chance.spread(10, 1_000) }
      }
      return served
    },
    carriedOut(process, { step, request, before, after }) {
      // A mark that it is stored goes only where it was held.
      if (step !== 'save' || before === after) return
      const token = tokenHeld((request as { secret: string }).secret)
      const whereabouts = token === undefined ? undefined : verdicts.bench.ledger.whereabouts.get(token)
      world.tell(
        () => `  ${process.machine.name}'s disk has ${token?.slice(3).replace(`.${SECRET_MARK}`, '')}`,
      )
      if (whereabouts && !whereabouts.escrowedAtMs.has(process.machine.name))
        whereabouts.escrowedAtMs.set(process.machine.name, time.nowMs)
    },
    answered() {},
    failed() {},
  }
}

/** What lies in escrow is a request as JSON text, the secret in it JSON once more. */
function tokenHeld(secret: string): string | undefined {
  return /rt\.[\w~.-]+?\.seCReT/.exec(secret)?.[0]
}
