/**
 * Plants secrets, runs every kind of failure there is, and searches all that anybody could see of it. Prints a table
 * and, as its last line, JSON; exits with 1 when it finds anything, or when a kind could not be run.
 *
 * `--leaks`: runs deliberate leaks instead, and exits with 1 when one is not found. `--only=TEXT`: kinds with it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createCanaries } from './canaries.js'
import { axiosKinds } from './kinds/axios.js'
import { coreKinds } from './kinds/core.js'
import { crashKinds, nodeDebugOutput } from './kinds/crashes.js'
import { expressKinds } from './kinds/express.js'
import { leaks } from './kinds/leaks.js'
import { nestKinds } from './kinds/nestjs.js'
import { closeStores, storeKinds } from './kinds/stores.js'
import { tokenEndpointKinds } from './kinds/token-endpoint.js'
import { type Kind, runKind, type Seen } from './scene.js'

interface Row extends Seen {
  readonly kind: Kind
  /** It could not be run: it shows nothing. */
  readonly failure: string | undefined
}

const areLeaks = process.argv.includes('--leaks')
const only = process.argv.find((word) => word.startsWith('--only='))?.slice('--only='.length) ?? ''
const all: readonly Kind[] = areLeaks
  ? leaks
  : [
      ...crashKinds,
      ...storeKinds,
      ...nestKinds,
      ...expressKinds,
      ...axiosKinds,
      ...tokenEndpointKinds,
      ...coreKinds,
    ]
const wanted = all.filter(({ area, name }) => `${area}: ${name}`.includes(only))

/** Most of them wait. What one prints all others hear, and none of them may hear a secret. */
const AT_ONCE = areLeaks ? 1 : 8
const queue = wanted.values()
const rows: Row[] = []

const KIND_WITHIN_MS = 60_000

async function tooLate(): Promise<never> {
  await pause(KIND_WITHIN_MS, undefined, { ref: false })
  throw new Error('it did not come to an end')
}

async function work(): Promise<void> {
  for (const kind of queue) {
    const seen = await Promise.race([runKind(kind), tooLate()]).catch((error: unknown) => ({
      texts: 0,
      finds: [],
      failure: String((error as Error).stack),
    }))
    rows.push({ kind, failure: undefined, ...seen })
  }
}

function print({ kind, texts, finds, failure }: Row): void {
  const verdict = failure ?? (finds.length === 0 ? 'nothing found' : `${finds.length} FOUND`)
  console.log(`${kind.area.padEnd(24)} ${String(texts).padStart(6)} texts  ${verdict}  ${kind.name}`)
  if (areLeaks) return
  for (const line of new Set(finds.map(({ what, channel }) => `    ${what} in ${channel}`))) console.log(line)
}

await Promise.all(Array.from({ length: AT_ONCE }, work))
await closeStores()
for (const row of rows) print(row)

const finds = rows.reduce((sum, row) => sum + row.finds.length, 0)
const failures = rows.filter(({ failure }) => failure !== undefined).length
const silent = rows.filter((row) => row.finds.length === 0).map(({ kind }) => kind.name)
const texts = rows.reduce((sum, row) => sum + row.texts, 0)
if (areLeaks) {
  console.log(JSON.stringify({ leaks: rows.length, missed: silent, failures }))
  process.exitCode = silent.length > 0 || failures > 0 ? 1 : 0
} else {
  const traced = createCanaries().findIn(await nodeDebugOutput()).length > 0
  console.log(
    `\nNODE_DEBUG=http,… makes Node itself print the authorization header: ${traced ? 'yes' : 'no'} (SECURITY.md)`,
  )
  const counts: Record<string, number> = {}
  for (const { kind } of rows) counts[kind.area] = (counts[kind.area] ?? 0) + 1
  console.log(
    JSON.stringify({ kinds: rows.length, counts, texts, finds, failures, nodeDebugPrintsTokens: traced }),
  )
  process.exit(finds > 0 || failures > 0 || rows.length === 0 ? 1 : 0)
}
