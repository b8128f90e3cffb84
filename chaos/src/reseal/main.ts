/** `npm run chaos:reseal`: a key is changed under a fleet that rotates, and no grant is lost. */
import { parseArgs } from 'node:util'
import type { StoreKind } from '../open-store.js'
import { type ResealRun, run } from './run.js'

const helpText = `npm run chaos:reseal -- --store redis --grants 100000 --json

  --store   sqlite, redis or postgres; a server is started on a free port and stopped at the end   (sqlite)
  --grants  how many are sealed with the old key                                                     (2000)
  --json    the last line of stdout is one JSON object; progress always goes to stderr
  --help    this text

Four processes rotate grants all the time, drawn by chance. Exit code 0: under the new key alone every grant is there with
the token that its server issued last; a reply that nobody read in time is told apart (outcomesUnknown). 1: a grant is lost,
or another promise broken. 2: wrong arguments.`

const out = (line: string): void => void process.stdout.write(`${line}\n`)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

function broken(result: ResealRun): string[] {
  const found: string[] = []
  if (result.grantsLost > 0) found.push(`${result.grantsLost} grants are lost`)
  if (result.unreadable > 0) found.push(`${result.unreadable} records do not open`)
  if (result.doubleSpends > 0) found.push(`${result.doubleSpends} refresh tokens were sent twice`)
  if (result.familiesRevoked > 0) found.push(`${result.familiesRevoked} families were revoked`)
  if (result.retirableBefore) found.push('the old key could be retired while it was in use')
  if (!result.retirableAfter) found.push('the old key cannot be retired')
  if (result.rotations === 0) found.push('nothing was rotated meanwhile: this proves nothing')
  return found
}

async function play(store: StoreKind, grants: number, json: boolean): Promise<number> {
  const result = await run({ store, grants, say })
  const promises = broken(result)
  for (const promise of promises) say(`BROKEN: ${promise}`)
  if (json) out(JSON.stringify(result))
  else for (const [name, value] of Object.entries(result)) out(`${name}: ${JSON.stringify(value)}`)
  return promises.length === 0 ? 0 : 1
}

const STORES: readonly string[] = ['sqlite', 'redis', 'postgres'] satisfies StoreKind[]

/** What is asked for, or what is wrong with it. */
function readArguments(): { store: string; grants: string; json: boolean; help: boolean } | string {
  try {
    const { values } = parseArgs({
      options: {
        store: { type: 'string', default: 'sqlite' },
        grants: { type: 'string', default: '2000' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (!STORES.includes(values.store)) return `--store must be one of ${STORES.join(', ')}`
    if (!/^[1-9]\d{0,6}$/.test(values.grants)) return '--grants must be a whole number from 1'
    return values
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const asked = readArguments()
if (typeof asked === 'string') {
  say(`chaos:reseal: ${asked}\n\n${helpText}`)
  process.exitCode = 2
} else if (asked.help) out(helpText)
// Explicitly: a database driver's idle connection must not keep a finished run alive.
else process.exit(await play(asked.store as StoreKind, Number(asked.grants), asked.json))
