/** One process of the fleet: needs tokens when told, writes down each step, and strikes itself where it is aimed at. */
import { openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { createTokenManager, fetchWithTokens, isEvergrantError, oauth2Provider } from '@evergrant/core'
import { GRANTS, TIMINGS } from './conditions.js'
import type { Message, Order, Step, StrikeSignal, WorkerSetup } from './messages.js'
import { loadOpener, type Opener, type StoreKind } from './open-store.js'
import { sharedClock } from './shared-clock.js'
import { innerWitnesses, type Testimony, witnessed } from './witness.js'

const PROVOKED_WITHIN_MS = 3_000
const TRY_AGAIN_MS = 20
const RECOVER_AGAIN_MS = 250

function tell(message: Message): void {
  if (process.connected) process.send?.(message)
}

function work(setup: WorkerSetup, open: Opener): (order: Order) => void {
  const now = sharedClock(setup.clockBaseMs)
  const journal = openSync(setup.journal, 'a', 0o600)
  const aims = new Map<StrikeSignal, Step>()
  let round = 0

  const testimony: Testimony = {
    now,
    write(line) {
      writeSync(journal, `${JSON.stringify({ ...line, t: now() })}\n`)
    },
    reached(step) {
      for (const [signal, at] of aims) {
        if (at !== step) continue
        aims.delete(signal)
        testimony.write({ e: 'strikes', signal })
        process.kill(process.pid, signal)
      }
    },
  }
  const opened = open(setup.store, innerWitnesses(testimony))
  const tokens = createTokenManager({
    provider: oauth2Provider(setup.provider),
    store: witnessed(opened.store, testimony),
    timings: TIMINGS,
    onEvent: ({ type }) => testimony.write({ e: 'note', text: type }),
  })
  const calls = new Map(
    GRANTS.map((grantId) => [grantId, fetchWithTokens({ tokens, grantId, timeoutMs: PROVOKED_WITHIN_MS })]),
  )

  async function recover(): Promise<void> {
    for (;;) {
      try {
        await opened.recover()
        return
      } catch {
        // The store is away, as it is meant to be now and then.
        await pause(RECOVER_AGAIN_MS)
      }
    }
  }

  /** The status, or why there was none. */
  async function callApi(grantId: string): Promise<number | string> {
    try {
      const response = await calls.get(grantId)?.(setup.apiUrl)
      await response?.arrayBuffer()
      return response?.status ?? 'no such grant'
    } catch (error) {
      return isEvergrantError(error) ? `${error.code} ${error.reason ?? ''}`.trim() : 'UNREACHABLE'
    }
  }

  async function provoke(grantId: string, forced: boolean): Promise<void> {
    if (forced) {
      const wanted = { forceRefresh: true, timeoutMs: PROVOKED_WITHIN_MS }
      // What it fails with shows in the proof, or is what the round is about.
      await tokens.getAccessToken(grantId, wanted).catch(() => {})
    }
    await callApi(grantId)
  }

  async function prove(grantId: string): Promise<void> {
    const proven = round
    let reason: number | string = ''
    while (proven === round) {
      const answer = await callApi(grantId)
      const dead = typeof answer === 'string' && /^(REAUTHORIZATION_REQUIRED|GRANT_NOT_FOUND)/.test(answer)
      if (answer === 200 || dead) {
        const outcome = dead ? 'dead' : 'works'
        return tell({ type: 'proof', round: proven, grantId, outcome, atMs: now() })
      }
      if (answer !== reason) tell({ type: 'waits', grantId, reason: String(answer) })
      reason = answer
      await pause(TRY_AGAIN_MS)
    }
  }

  void recover()
  tokens.start()
  tell({ type: 'ready' })
  return (order) => {
    if (order.type === 'aim') aims.set(order.signal, order.step)
    if (order.type === 'disarm') {
      aims.delete(order.signal)
      tell({ type: 'disarmed', signal: order.signal })
    }
    if (order.type === 'provoke') for (const grantId of GRANTS) void provoke(grantId, order.forced)
    if (order.type === 'prove') {
      round = order.round
      for (const grantId of GRANTS) void prove(grantId)
    }
  }
}

// The main process is gone, and with it the server: nothing is left to save.
process.on('disconnect', () => process.exit(0))
const open = await loadOpener(process.argv[2] as StoreKind)
let obey: ((order: Order) => void) | undefined
process.on('message', (order: Order) => {
  if (order.type === 'setup') obey ??= work(order, open)
  else obey?.(order)
})
tell({ type: 'booted' })
