import { parseArgs } from 'node:util'

export type CommandLine =
  | { readonly kind: 'run'; readonly once: boolean; readonly json: boolean }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string }

export const helpText = `npm run demo                     watch it until Ctrl-C
npm run demo -- --once           a fixed scenario of some 15 seconds
npm run demo -- --once --json    the same; the last line of stdout is one JSON object

  --once   run the fixed scenario and end
  --json   progress goes to stderr; the totals go to stdout as one line of JSON
  --help   this text

Exit code 0: every promise was kept. 1: a double spend, a revoked grant, a failed call, more than
300 token requests in a minute, or a scenario that did not get to its end. 2: unknown argument.`

export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    return values.help ? { kind: 'help' } : { kind: 'run', once: values.once, json: values.json }
  } catch (error) {
    // Node's second sentence is about `--` and positionals, of which there are none here.
    const [problem = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    return { kind: 'wrong', problem }
  }
}
