import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { StoreKind } from './open-store.js'

export interface RunAsked {
  readonly kind: 'run'
  readonly store: StoreKind
  readonly rounds: number
  readonly seed: string
  /** Whether what is stored is sealed. */
  readonly isSealed: boolean
  readonly json: boolean
}

export type CommandLine =
  | RunAsked
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string }

export const helpText = `npm run chaos -- --store sqlite --rounds 400 --json

  --store   sqlite, redis or postgres; a server is started on a free port and stopped at the end   (sqlite)
  --rounds  how many rounds; about 400 come to 300 kills, 100 freezes and 20 store restarts           (100)
  --seed    the seed of an earlier run: the same faults, as far as the system allows               (random)
  --sealed  all secrets lie sealed in store and escrow; the processes seal with two different keys
  --json    the last line of stdout is one JSON object; progress always goes to stderr
  --help    this text

Exit code 0: every promise was kept. 1: a double spend, a loss that could have been avoided, a request
over budget, a process that ended by itself, or a round that did not end. 2: wrong arguments.`

const STORES: readonly string[] = ['sqlite', 'redis', 'postgres'] satisfies StoreKind[]

export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        store: { type: 'string', default: 'sqlite' },
        rounds: { type: 'string', default: '100' },
        seed: { type: 'string' },
        sealed: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return { kind: 'help' }
    const { store, json, sealed: isSealed, seed = randomBytes(4).toString('hex') } = values
    const rounds = Number(values.rounds)
    if (!STORES.includes(store)) return wrong(`--store must be one of ${STORES.join(', ')}`)
    if (!/^[1-9]\d{0,6}$/.test(values.rounds)) return wrong('--rounds must be a whole number from 1')
    if (seed === '') return wrong('--seed must not be empty')
    return { kind: 'run', store: store as StoreKind, rounds, seed, isSealed, json }
  } catch (error) {
    // Node's second sentence is about `--` and positionals, of which there are none here.
    const [problem = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    return wrong(problem)
  }
}

const wrong = (problem: string): CommandLine => ({ kind: 'wrong', problem })
