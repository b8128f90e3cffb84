/** One process of the fleet: calls the API with Axios as an application would, and reports what it sees. */
import { existsSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { attachTokens } from '@evergrant/axios-interceptor'
import { createTokenManager, type EvergrantEvent, isEvergrantError } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import axios from 'axios'
import { demoProvider, grantId, minRotationIntervalMs } from './demo-grant.js'
import { drilledStore } from './drilled-store.js'
import type { Activity, Message, Order, WorkerSetup } from './messages.js'

/** Calls at the same time, and the pace of each: busy enough to meet every rotation, slow enough for a laptop. */
const CALLERS = 3
const CALL_EVERY_MS = 100
const AFTER_FAILURE_MS = 500
const REPORT_EVERY_MS = 200

/** Of all that can happen to a grant, what this demo must never show. */
const TROUBLE: readonly EvergrantEvent['type'][] = [
  'grant.outcome_unknown',
  'grant.reauthorization_required',
  'grant.successor_dropped',
  'store.rolled_back',
  'store.watch_failed',
  'client.rejected',
]

function tell(message: Message): void {
  if (process.connected) process.send?.(message)
}

function run(setup: WorkerSetup): (order: Order) => Promise<void> {
  let calls = 0
  let failures = 0
  let generation = 0
  let ending = false
  let drilled = false

  const sqlite = sqliteStore({ path: setup.path })
  const drill = drilledStore(sqlite, report)
  const tokens = createTokenManager({
    provider: demoProvider(setup.provider),
    store: drill.store,
    timings: { minRotationIntervalMs },
    onEvent,
  })
  const api = axios.create({ baseURL: setup.apiUrl, proxy: false })
  attachTokens(api, { tokens, grantId })

  function activity(): Activity {
    if (drilled) return 'drilled'
    if (drill.holdsLease()) return 'rotating'
    return drill.isWaiting() ? 'waiting' : 'calling'
  }

  function report(): void {
    tell({ type: 'report', calls, failures, activity: activity(), generation })
  }

  function onEvent(event: EvergrantEvent): void {
    if (event.type === 'grant.adopted' || event.type === 'grant.rotated') {
      generation = event.generation
      report()
    }
    if (event.type === 'grant.rotated') tell({ type: 'rotated', generation })
    if (TROUBLE.includes(event.type)) tell({ type: 'trouble', text: event.type })
  }

  async function keepCalling(): Promise<void> {
    while (!ending) {
      try {
        await api.get('')
        calls += 1
        await pause(CALL_EVERY_MS)
      } catch (error) {
        failures += 1
        tell({ type: 'trouble', text: `a call failed: ${inWords(error)}` })
        await pause(AFTER_FAILURE_MS)
      }
    }
  }

  const callers = Array.from({ length: CALLERS }, keepCalling)
  const reporting = setInterval(report, REPORT_EVERY_MS)

  async function stopCalling(): Promise<void> {
    ending = true
    await Promise.all(callers)
  }

  async function prepareToDie(holdLease: boolean): Promise<void> {
    await stopCalling()
    await drill.ceaseFire()
    let holdsLease = false
    if (holdLease) {
      const held = drill.stoppedBeforeSend.then(() => true)
      // Comes back without the lease when another process was faster: then there is nothing to hold.
      const tokenWithout = tokens.getAccessToken(grantId, { forceRefresh: true }).then(
        () => false,
        () => false,
      )
      holdsLease = await Promise.race([held, tokenWithout])
    }
    drilled = true
    report()
    tell({ type: 'drilled', holdsLease })
  }

  async function stop(): Promise<void> {
    await stopCalling()
    clearInterval(reporting)
    await tokens.close()
    await sqlite.close()
    report()
    folder = undefined
    process.removeListener('disconnect', abandoned)
    if (process.connected) process.disconnect()
  }

  tell({ type: 'ready' })
  return async (order) => {
    if (order.type === 'drill') await prepareToDie(order.holdLease)
    if (order.type === 'stop') await stop()
  }
}

/** Never the error itself: only what is known to hold no secret. */
function inWords(error: unknown): string {
  if (isEvergrantError(error)) return `${error.code} ${error.reason ?? ''}`.trim()
  if (axios.isAxiosError(error)) return `${error.code ?? error.name} ${error.response?.status ?? ''}`.trim()
  return error instanceof Error ? error.name : 'unknown'
}

/** The main process is gone, and with it the server: nothing is left to save, and nobody else cleans up. */
let folder: string | undefined
const mainPid = process.ppid
const abandoned = (): never => process.exit(0)
process.on('exit', () => {
  if (process.connected && process.ppid === mainPid) return
  // Once more if another worker, which ends just now too, made a file in the midst of this.
  for (let tries = 0; folder !== undefined && existsSync(folder) && tries < 10; tries++) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
})

let obey: ((order: Order) => Promise<void>) | undefined
process.on('message', (order: Order) => {
  if (order.type === 'setup') {
    folder = order.folder
    obey ??= run(order)
  } else void obey?.(order)
})
process.on('disconnect', abandoned)
if (!process.connected) abandoned()
