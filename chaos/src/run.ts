import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { safetyNet } from '@evergrant/store-tests/safety-net'
import {
  DISK_GRACE_MS,
  GRANTS,
  OTHERS_WAIT_MS,
  PROOF_WITHIN_MS,
  ROUND_WITHIN_MS,
  SPARES,
  UNREAD_GRACE_MS,
  WORKERS,
} from './conditions.js'
import { createFleet } from './fleet.js'
import type { History } from './history.js'
import { createJournal } from './journal.js'
import { type JudgedLoss, judgeLoss, loss } from './judge-loss.js'
import { loadOpener, type StoreKind } from './open-store.js'
import { planRound, provokedInOrder } from './plan-round.js'
import { createProofs, type Proven } from './proofs.js'
import { startProviderSide } from './provider-side.js'
import { type Results, resultsOf } from './results.js'
import { clockBase, sharedClock } from './shared-clock.js'
import { hostStore } from './store-host.js'
import { createStriker } from './strikes.js'
import { tellLoss, tellSlow } from './tell-loss.js'
import { within } from './within.js'

export interface RunOptions {
  readonly store: StoreKind
  readonly rounds: number
  readonly seed: string
  readonly isSealed: boolean
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** A round's faults reach a little beyond the rotations that it provokes. */
const ROUND_LASTS_MS = 110
/** A grant whose token was sent this often without an answer is left in peace for a round: three is the limit. */
const CALM_FROM_SENDS = 2
const SAY_EVERY = 25
/** Beyond this it is worth reading why. */
const SLOW_MS = 6_000

const limits = {
  othersWaitMs: OTHERS_WAIT_MS,
  diskGraceMs: DISK_GRACE_MS,
  unreadGraceMs: UNREAD_GRACE_MS,
}

/** Plays all rounds and judges them. Whatever happens, nothing that it started is left. */
export async function run(options: RunOptions): Promise<Results> {
  const { store: kind, rounds, seed, isSealed, say, signal } = options
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-chaos-'))
  safetyNet.folder(folder)
  const clockBaseMs = clockBase()
  const now = sharedClock(clockBaseMs)
  const ends: (() => Promise<unknown>)[] = []
  try {
    const provider = await startProviderSide(seed, now)
    ends.unshift(() => provider.close())
    const host = await hostStore(kind, folder)
    ends.unshift(() => host.close())
    const address = { ...host.address, isSealed }
    const opened = (await loadOpener(kind))(address)
    ends.unshift(() => opened.close())
    const tokens = createTokenManager({ provider: oauth2Provider(provider.options), store: opened.store })
    ends.unshift(() => tokens.close())

    const journal = createJournal()
    const proofs = createProofs(now)
    const losses: JudgedLoss[] = []
    const crashes: string[] = []
    const recoveries: number[] = []
    const fleet = createFleet({
      store: kind,
      size: WORKERS,
      spares: SPARES,
      listener: {
        proof: proofs.heard,
        waits: proofs.waits,
        crashed: (worker, how) => {
          crashes.push(how)
          say(`worker ${worker} ended by itself: ${how}`)
        },
      },
      setupOf(worker) {
        const path = join(folder, `worker-${worker}.log`)
        journal.follow(worker, path)
        const { options, apiUrl } = provider
        return {
          type: 'setup',
          worker,
          clockBaseMs,
          journal: path,
          store: address,
          provider: options,
          apiUrl,
        }
      },
    })
    ends.unshift(() => fleet.end())
    const striker = createStriker({ fleet, journal, host, now })
    const history = (): History => {
      const { arms, knowledge } = journal
      const { kills, freezes } = striker
      return { arms, knowledge, presentations: provider.presentations, kills, freezes }
    }

    const authorize = (grantId: string): Promise<unknown> =>
      tokens.saveGrant(grantId, provider.authorize(grantId))
    for (const grantId of GRANTS) await authorize(grantId)
    await fleet.start()
    say(
      `${kind}: ${rounds} rounds, ${WORKERS} processes, ${GRANTS.length} grants, seed ${seed}${isSealed ? ', sealed' : ''}`,
    )

    async function isWorn(grantId: string): Promise<boolean> {
      const { record } = await opened.store.load({ provider: tokens.provider, grantId })
      return (record?.sends ?? 0) >= CALM_FROM_SENDS
    }

    function judgeGrant(grantId: string, proven: readonly Proven[]): JudgedLoss | undefined {
      const family = provider.familyOf(grantId)
      const own = proven.filter((each) => each.grantId === grantId)
      if (provider.isRevoked(family)) {
        return judgeLoss(history(), family, limits)
      }
      if (own.some(({ outcome }) => outcome === 'dead')) return loss(family, 'dead-without-reason')
      return own.some(({ outcome }) => outcome === 'stuck') ? loss(family, 'stuck') : undefined
    }

    let played = 0
    let brokenOff: string | undefined
    const endedEarly = (): boolean => brokenOff !== undefined

    async function play(round: number): Promise<void> {
      await fleet.refill()
      const calm = (await Promise.all(GRANTS.map(isWorn))).includes(true)
      const plan = planRound(seed, kind, round, calm)
      const beganMs = now()
      provider.arrange(plan.faults)
      if (!plan.forced) provider.rejectAccessTokens()
      const struck = striker.strike(plan.strikes)
      // Who is aimed at is told first, and so more often holds the lease that it is to be struck with.
      for (const slot of provokedInOrder(plan)) {
        fleet.workers[slot]?.tell({ type: 'provoke', forced: plan.forced })
        await pause(2)
      }
      await Promise.all([struck, pause(ROUND_LASTS_MS)])
      provider.endFaults()
      const proven = await proofs.ask(round, fleet.workers, PROOF_WITHIN_MS)
      if (signal.aborted || endedEarly()) return
      recoveries.push(Math.max(...proven.map(({ tookMs }) => tookMs)))
      journal.poll()
      provider.harvest()
      const story = { plan, proven, beganMs, history: history(), journal, say }
      tellSlow(story, SLOW_MS)
      for (const grantId of GRANTS) {
        const judged = judgeGrant(grantId, proven)
        if (!judged) continue
        losses.push(judged)
        if (judged.avoidable) tellLoss({ ...story, judged, grantId })
        await authorize(grantId)
      }
      for (const [slot, worker] of fleet.workers.entries()) if (!worker.isRunning()) await fleet.replace(slot)
    }

    while (played < rounds && brokenOff === undefined) {
      const round = played + 1
      brokenOff = await within(play(round), ROUND_WITHIN_MS, signal)
      if (brokenOff === undefined) played = round
      if (round % SAY_EVERY === 0) {
        const { kills, freezes } = striker
        say(`round ${round}: ${kills.length} kills, ${freezes.length} freezes, ${losses.length} grants lost`)
      }
    }
    await fleet.end()
    journal.poll()
    provider.harvest()
    return resultsOf({
      store: kind,
      isSealed,
      seed,
      rounds: played,
      brokenOff,
      history: history(),
      storeRestarts: striker.storeRestarts(),
      rotations: provider.rotations(),
      overBudget: provider.overBudget(),
      losses,
      crashes: crashes.length,
      recoveries,
    })
  } finally {
    for (const end of ends) await end().catch(() => {})
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
