import { parseArgs } from 'node:util'
import type { StoreKind } from './open-store.js'

/** The measurements that make up the first set: what is run when none is named. */
export const FIRST_SET = ['fresh-path', 'adapters', 'herd', 'fleet'] as const

export type FirstSetBench = (typeof FIRST_SET)[number]

export interface MillionAsked {
  readonly kind: 'million'
  readonly store: StoreKind
  readonly grants: number
  readonly json: boolean
}

export type CommandLine =
  | MillionAsked
  | { readonly kind: 'first-set'; readonly benches: readonly FirstSetBench[]; readonly json: boolean }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string }

export const helpText = `npm run bench [-- --json]
npm run bench -- fresh-path|adapters|herd|fleet [--json]
npm run bench -- million --store sqlite|postgres [--grants 1000000] [--json]

  (none)      fresh-path, adapters, herd and fleet, one after the other
  fresh-path  getAccessToken for a fresh token beside a bare await, a Map, and what others publish for it
  adapters    requests a second through Axios, fetch and the proxy beside the bare ones
  herd        10,000 callers at an expiry beside a hand-written single-flight
  fleet       4 processes × 1,000 callers on Redis beside a lock that is polled
  million     the steps of a store that holds a million grants beside the same store with a thousand,
              the query plans, and the memory of a process that keeps the million alive

  --store     sqlite, or postgres: a server is started on a free port and stopped at the end   (sqlite)
  --grants    how many grants stand for the million; 10000 at least                           (1000000)
  --json      the last line of stdout is one JSON object; the rest goes to stderr
  --help      this text

Exit code 0: as promised. 1: an aim is missed, a plan scans the table, something grows with the number of
grants, or an error. 2: wrong arguments.`

/** Below this a table is so small that nothing grows. */
const LEAST_GRANTS = 10_000

const isFirstSet = (command: string): command is FirstSetBench =>
  (FIRST_SET as readonly string[]).includes(command)

export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        store: { type: 'string', default: 'sqlite' },
        grants: { type: 'string', default: '1000000' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const [command, ...rest] = positionals
    const { store, json } = values
    if (values.help) return { kind: 'help' }
    if (rest.length > 0) return wrong(`'${rest[0]}' is one word too many`)
    if (command === undefined) return { kind: 'first-set', benches: FIRST_SET, json }
    if (isFirstSet(command)) return { kind: 'first-set', benches: [command], json }
    if (command !== 'million') return wrong(`there is no '${command}'`)
    if (store !== 'sqlite' && store !== 'postgres') return wrong('--store must be sqlite or postgres')
    const grants = /^\d{1,8}$/.test(values.grants) ? Number(values.grants) : 0
    if (grants < LEAST_GRANTS) return wrong(`--grants must be a whole number from ${LEAST_GRANTS}`)
    return { kind: 'million', store, grants, json }
  } catch (error) {
    // Node's second sentence is about `--` and how to escape it.
    const [problem = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    return wrong(problem)
  }
}

const wrong = (problem: string): CommandLine => ({ kind: 'wrong', problem })
