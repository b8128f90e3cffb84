/** `npm run simulate:year`: a million grants, a hundred processes, one provider's budget, a year on simulated time. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as core from '@evergrant/core'
import { planYear } from './plan-year.js'
import { playYear } from './play-year.js'
import { plotYear } from './plot-year.js'
import { findSaturation } from './saturation.js'
import type { SaturationPoint, YearResults } from './year-results.js'
import { brokenIn } from './year-verdict.js'

const help = `npm run simulate:year [-- --grants 1000000] [--processes 100] [--days 365] [--seed 365] [--plot] [--json]

  --plot   draws docs/images/simulated-year.svg; for the whole year
  --json   the last line of stdout is one JSON object

Exit code 1: a grant was lost, the budget was exceeded, a refresh token was sent twice, a caller failed or waited
outside the outages, or memory grew.`

const out = (line: string): void => void process.stdout.write(`${line}\n`)
const say = (text: string): void => void process.stderr.write(text)
const plotFile = fileURLToPath(new URL('../../../docs/images/simulated-year.svg', import.meta.url))

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    grants: { type: 'string', default: '1000000' },
    processes: { type: 'string', default: '100' },
    days: { type: 'string', default: '365' },
    seed: { type: 'string', default: '365' },
    plot: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const [grants = 0, processes = 0, days = 0, seed = 0] = [
  values.grants,
  values.processes,
  values.days,
  values.seed,
].map(Number)
const isWrong = ![grants, processes, days, seed].every((each) => Number.isSafeInteger(each) && each > 0)
if (values.help || isWrong) {
  say(`${help}\n`)
  process.exit(isWrong ? 2 : 0)
}

Error.stackTraceLimit = 0
const beganAtMs = performance.now()
const plan = planYear({ grants, processes, days })
const onProgress = (doing: string): void => {
  const seconds = Math.round((performance.now() - beganAtMs) / 1_000)
  if (process.stderr.isTTY) say(`\r${doing}, ${seconds} s   `)
}
const year = await playYear(core, plan, onProgress, seed)
const yearMinutes = minutesSince(beganAtMs)
if (process.stderr.isTTY) say('\rnow what one budget can carry')
const saturation: SaturationPoint[] = []
for (const share of [0.9, 1.15]) saturation.push(await findSaturation(core, plan, share))
if (process.stderr.isTTY) say('\n')
const { mostGrants } = core.planRenewals({ grants, lifetimeMs: plan.lifeMs, budget: plan.budget })
const results: YearResults = {
  ...year.results,
  saturatesAtGrants: mostGrants,
  saturation,
  yearMinutes,
  tookMinutes: minutesSince(beganAtMs),
}
if (values.plot) writeFileSync(plotFile, plotYear(plan, year.meter))
const broken = brokenIn(plan, results)
for (const promise of broken) say(`NOT AS PROMISED: ${promise}\n`)
if (values.json) out(JSON.stringify({ ...results, broken }))
else for (const [name, value] of Object.entries(results)) out(`${name}: ${JSON.stringify(value)}`)
process.exitCode = broken.length === 0 ? 0 : 1

function minutesSince(atMs: number): number {
  return Number(((performance.now() - atMs) / 60_000).toFixed(1))
}
