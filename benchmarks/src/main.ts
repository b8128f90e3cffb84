/** `npm run bench`: always two things side by side, in one run. */
import { type CommandLine, helpText, readCommandLine } from './command-line.js'
import { firstSet } from './first-set.js'
import { million } from './million.js'

const out = (line: string): void => void process.stdout.write(`${line}\n`)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function measure(asked: Extract<CommandLine, { kind: 'million' | 'first-set' }>): Promise<number> {
  // With --json stdout is for the one object; whoever watches still sees everything.
  const show = asked.json ? say : out
  try {
    const { results, problems } = await (asked.kind === 'million'
      ? million(asked, show, say)
      : firstSet(asked.benches, show))
    for (const problem of problems) say(`NOT AS PROMISED: ${problem}`)
    if (asked.json) out(JSON.stringify({ ...results, problems }))
    return problems.length === 0 ? 0 : 1
  } catch (error) {
    say(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return 1
  }
}

// An `exit` that is heard: what was written is removed then.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => process.exit(1))
const asked = readCommandLine(process.argv.slice(2))
switch (asked.kind) {
  case 'help':
    out(helpText)
    break
  case 'wrong':
    say(`bench: ${asked.problem}\n\n${helpText}`)
    process.exitCode = 2
    break
  case 'million':
  case 'first-set':
    // Explicitly: a database driver's idle connection must not keep a finished run alive.
    process.exit(await measure(asked))
}
