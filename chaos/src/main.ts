/** `npm run chaos`: a fleet of real processes on a real store, and everything that may happen to them. */
import { helpText, type RunAsked, readCommandLine } from './command-line.js'
import { brokenPromises } from './results.js'
import { run } from './run.js'

const out = (line: string): void => void process.stdout.write(`${line}\n`)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function play({ store, rounds, seed, isSealed, json }: RunAsked): Promise<number> {
  const over = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => over.abort())
  try {
    const results = await run({ store, rounds, seed, isSealed, say, signal: over.signal })
    const broken = brokenPromises(results)
    if (!json) for (const [name, value] of Object.entries(results)) out(`${name}: ${JSON.stringify(value)}`)
    for (const promise of broken) say(`BROKEN: ${promise}`)
    if (json) out(JSON.stringify(results))
    return broken.length === 0 ? 0 : 1
  } catch (error) {
    say(`chaos: ${error instanceof Error ? (error.stack ?? error.message) : String(error)} (seed ${seed})`)
    return 1
  }
}

const asked = readCommandLine(process.argv.slice(2))
switch (asked.kind) {
  case 'help':
    out(helpText)
    break
  case 'wrong':
    say(`chaos: ${asked.problem}\n\n${helpText}`)
    process.exitCode = 2
    break
  case 'run':
    // Explicitly: a database driver's idle connection must not keep a finished run alive.
    process.exit(await play(asked))
}
