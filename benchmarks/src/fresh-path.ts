import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Measured } from './measured.js'

/** What one call costs. */
export interface CallCost {
  readonly calls: number
  readonly ns: number
  /** Taken from the heap during the call. */
  readonly allocatedBytes: number
  /** Still there after a collection. */
  readonly retainedBytes: number
}

export interface FreshPathReport {
  /** `await tokens.getAccessToken(id)` for a token that is fresh. */
  readonly getAccessToken: CallCost
  /** `await Promise.resolve(token)`. */
  readonly bareAwait: CallCost
  /** `await promises.get(id)`: the least that keeping tokens by id can cost. */
  readonly mapLookup: CallCost
}

/** Megabytes of young generation: nothing is collected within a round. */
const ROOM = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64']

/** A call that leaves this much has leaked something. */
const MOST_RETAINED_BYTES = 1

function runProcess(): Promise<FreshPathReport> {
  const file = fileURLToPath(new URL('./fresh-path-process.ts', import.meta.url))
  const child = fork(file, { execArgv: [...process.execArgv, ...ROOM] })
  return new Promise((resolve, reject) => {
    child.once('message', (report) => resolve(report as FreshPathReport))
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`fresh-path-process ended: ${signal ?? code}`)))
  })
}

/** What it costs to ask for a token that is there. */
export async function freshPath(show: (line: string) => void): Promise<Measured> {
  const report = await runProcess()
  const { getAccessToken: fresh, bareAwait, mapLookup } = report
  const ratio = (to: CallCost): number => Number((fresh.ns / to.ns).toFixed(2))
  const ratios = { toBareAwait: ratio(bareAwait), toMapLookup: ratio(mapLookup) }
  for (const [name, cost] of Object.entries(report) as [string, CallCost][]) {
    const { ns, allocatedBytes, retainedBytes } = cost
    show(`${name.padEnd(16)}${ns} ns, ${allocatedBytes} bytes allocated, ${retainedBytes} kept, a call`)
  }
  show(
    `getAccessToken takes ${ratios.toBareAwait} × a bare await, ${ratios.toMapLookup} × a Map and an await`,
  )
  const leaks = fresh.retainedBytes > MOST_RETAINED_BYTES
  return {
    results: { bench: 'fresh-path', ...report, ratios },
    problems: leaks ? [`getAccessToken leaves ${fresh.retainedBytes} bytes a call`] : [],
  }
}
