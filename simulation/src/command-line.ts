import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

export interface SeedsAsked {
  readonly kind: 'run'
  readonly seeds: number
  /** One seed, told in full. */
  readonly seed: number | undefined
  readonly first: number
  readonly minutes: number | undefined
  readonly workers: number
  readonly json: boolean
}

export type CommandLine =
  | SeedsAsked
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string }

export const helpText = `npm run simulate -- --seeds 100000 --json

  --seeds    how many seeds                                                     (2000)
  --first    the first of them                                                     (1)
  --seed     one seed alone, told step by step
  --minutes  no new seeds after this long
  --workers  processes that play                                    (as many as cores)
  --json     the last line of stdout is one JSON object; progress goes to a terminal only
  --help     this text

Exit code 0: every promise was kept. 1: one was not. 2: wrong arguments.`

export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const text = { type: 'string' } as const
    const flag = { type: 'boolean', default: false } as const
    const options = {
      seeds: text,
      first: text,
      seed: text,
      minutes: text,
      workers: text,
      json: flag,
      help: flag,
    } as const
    const { values } = parseArgs({ args: [...args], options })
    if (values.help) return { kind: 'help' }
    return {
      kind: 'run',
      seeds: whole('seeds', values.seeds ?? '2000'),
      first: whole('first', values.first ?? '1'),
      seed: values.seed === undefined ? undefined : whole('seed', values.seed),
      minutes: values.minutes === undefined ? undefined : whole('minutes', values.minutes),
      workers: whole('workers', values.workers ?? String(availableParallelism())),
      json: values.json,
    }
  } catch (error) {
    const [problem = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    return { kind: 'wrong', problem }
  }
}

function whole(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number from 1`)
  return Number(text)
}
