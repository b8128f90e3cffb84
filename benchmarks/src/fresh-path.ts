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

/**
 * `getAccessToken`: `await tokens.getAccessToken(id)` for a token that is fresh. `bareAwait`:
 * `await Promise.resolve(token)`. `mapLookup`: `await promises.get(id)`, the least that keeping tokens by id can
 * cost. `mapAndClocks`: the same after a look at both clocks of the runtime, without which nobody can know that a
 * token is still fresh.
 */
export type Contender = 'getAccessToken' | 'bareAwait' | 'mapLookup' | 'mapAndClocks'

export type FreshPathReport = Readonly<Record<Contender, CallCost>> & {
  /** Time of `getAccessToken` over that of the others. */
  readonly ratios: {
    readonly toBareAwait: number
    readonly toMapLookup: number
    readonly toMapAndClocks: number
  }
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
  const { ratios, ...costs } = report
  for (const [name, { ns, allocatedBytes, retainedBytes }] of Object.entries(costs)) {
    show(`${name.padEnd(16)}${ns} ns, ${allocatedBytes} bytes allocated, ${retainedBytes} kept, a call`)
  }
  const { toBareAwait, toMapLookup, toMapAndClocks } = ratios
  show(`getAccessToken takes ${toBareAwait} × a bare await, ${toMapLookup} × a Map and an await,`)
  show(`${toMapAndClocks} × a Map, both clocks and an await`)
  const { retainedBytes } = costs.getAccessToken
  const leaks = retainedBytes > MOST_RETAINED_BYTES
  return {
    results: { bench: 'fresh-path', ...report },
    problems: leaks ? [`getAccessToken leaves ${retainedBytes} bytes a call`] : [],
  }
}
