/** `npm run simulate`: a whole fleet on simulated time, one world for each seed. */
import * as core from '@evergrant/core'
import { helpText, readCommandLine, type SeedsAsked } from './command-line.js'
import { startProgress } from './progress.js'
import { LONG_RUN_SEEDS, reportCoverage } from './reached/report.js'
import { playSeed } from './run/play-seed.js'
import { runSeeds } from './run/run-seeds.js'
import { addSeed, emptySummary, type Summary, sum } from './run/summary.js'

const out = (line: string): void => void process.stdout.write(`${line}\n`)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Lines of a trace that are enough to see what went wrong. */
const TOLD_LINES = 120

async function tellSeed(seed: number, lines: number): Promise<Summary> {
  const result = await playSeed(core, seed, { trace: true })
  for (const line of result.trace.slice(-lines)) say(line)
  const { violation, plan, hash, steps } = result
  say(`seed ${seed}: ${steps} steps, ${plan.faults.level} faults, trace ${hash.toString(16)}`)
  if (violation)
    say(`BROKEN at step ${steps}: ${violation.promise}: ${violation.what} ${violation.grant ?? ''}`)
  const summary = emptySummary()
  addSeed(summary, result)
  return summary
}

async function play(asked: SeedsAsked): Promise<number> {
  const { seed, json } = asked
  let summary: Summary
  if (seed === undefined) {
    const progress = startProgress(asked.seeds)
    let told = 0
    const onProgress = (soFar: Summary): void => {
      // In a long run there is something to do as soon as the first is known.
      for (const { seed: broken, promise, what } of soFar.violations.slice(told))
        say(`BROKEN: seed ${broken}: ${promise}: ${what}`)
      told = soFar.violations.length
      progress.show(soFar)
    }
    summary = await runSeeds({ ...asked, onProgress })
    progress.end()
    const [first] = summary.violations
    if (first) await tellSeed(first.seed, TOLD_LINES)
  } else summary = await tellSeed(seed, json ? TOLD_LINES : Number.POSITIVE_INFINITY)
  const coverage = reportCoverage(summary.coverage)
  for (const { pair, times, because } of coverage.impossible)
    say(
      `REACHED ${times} times though impossible, first by seed ${summary.reachedFirst[pair]}: ${pair}: ${because}`,
    )
  const isLong = summary.seeds >= LONG_RUN_SEEDS
  if (isLong) for (const pair of coverage.missing) say(`MISSING: ${pair} was never reached`)
  const results = { ...summary, coverage, faultsInAll: sum(summary.faults) }
  if (json) out(JSON.stringify(results))
  else
    for (const [name, value] of Object.entries(results))
      out(`${name}: ${JSON.stringify(value, undefined, name === 'coverage' ? 1 : 0)}`)
  const isCovered = coverage.impossible.length === 0 && !(isLong && coverage.missing.length > 0)
  return summary.violations.length === 0 && isCovered ? 0 : 1
}

const asked = readCommandLine(process.argv.slice(2))
switch (asked.kind) {
  case 'help':
    out(helpText)
    break
  case 'wrong':
    say(`simulate: ${asked.problem}\n\n${helpText}`)
    process.exitCode = 2
    break
  case 'run':
    process.exitCode = await play(asked)
}
