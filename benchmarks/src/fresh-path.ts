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
 * token is still fresh. The last two are what others publish for the same purpose, for one token each.
 */
export type Contender =
  | 'getAccessToken'
  | 'bareAwait'
  | 'mapLookup'
  | 'mapAndClocks'
  | 'googleAuthLibrary'
  | 'smithyPropertyProvider'

export interface FreshPathReport {
  readonly costs: Readonly<Record<Contender, CallCost>>
  /** Time of `getAccessToken` over that of the others. */
  readonly ratios: {
    readonly toBareAwait: number
    readonly toMapLookup: number
    readonly toMapAndClocks: number
    readonly toGoogleAuthLibrary: number
    readonly toSmithyPropertyProvider: number
  }
}

/** Megabytes of young generation: nothing is collected within a round. */
const ROOM = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64']

/** A call that leaves this much has leaked something. */
const MOST_RETAINED_BYTES = 1

/**
 * Aim, over a `Map` and a look at both clocks. Over a `Map` alone the clocks cost more than the aim allows, whoever
 * reads them.
 */
const MOST_RATIO = 1.5

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
  const { costs, ratios } = await runProcess()
  for (const [name, { ns, allocatedBytes, retainedBytes }] of Object.entries(costs)) {
    show(`${name.padEnd(24)}${ns} ns, ${allocatedBytes} bytes allocated, ${retainedBytes} kept, a call`)
  }
  const { toBareAwait, toMapLookup, toMapAndClocks, toGoogleAuthLibrary, toSmithyPropertyProvider } = ratios
  show(`getAccessToken takes ${toBareAwait} × a bare await, ${toMapLookup} × a Map and an await,`)
  show(`${toMapAndClocks} × a Map, both clocks and an await,`)
  show(
    `${toGoogleAuthLibrary} × google-auth-library, ${toSmithyPropertyProvider} × @smithy/property-provider`,
  )
  const { retainedBytes } = costs.getAccessToken
  const problems = []
  if (retainedBytes > MOST_RETAINED_BYTES)
    problems.push(`getAccessToken leaves ${retainedBytes} bytes a call`)
  if (toMapAndClocks > MOST_RATIO)
    problems.push(`getAccessToken takes ${toMapAndClocks} × a Map and both clocks`)
  return { ratios: { freshTokenVsFloor: toMapLookup }, results: { ...costs, ratios }, problems }
}
