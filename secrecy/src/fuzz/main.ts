/**
 * `npm run fuzz -- --cases 1000000 --json`: as many cases in all, spread over the targets. The last line of `--json`
 * is one object; exits with 1 when anything was found. `--seed N` repeats a run, `--only NAME` is for one target.
 */
import { parseArgs } from 'node:util'
import { type Fuzzed, fuzz } from './fuzz.js'
import { targets } from './targets.js'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const chosen = targets.filter(({ name }) => name.includes(values.only))
const each = Math.ceil(Number(values.cases) / chosen.length)
if (!(each >= 1) || !Number.isInteger(seed)) {
  console.error('fuzz: --cases and --seed are whole numbers, and --only names a target')
  process.exit(2)
}
const say = values.json ? console.error : console.log
say(`seed ${seed}`)
const done: Fuzzed[] = []
for (const target of chosen) {
  const fuzzed = await fuzz(target, each, seed)
  done.push(fuzzed)
  say(
    `${fuzzed.target.padEnd(20)} ${String(fuzzed.cases).padStart(8)} cases  ${fuzzed.ms} ms  ${fuzzed.find ?? 'holds'}`,
  )
}
const finds = done.flatMap(({ target, find }) => (find === undefined ? [] : [{ target, find }]))
const cases = done.reduce((sum, one) => sum + one.cases, 0)
console.log(values.json ? JSON.stringify({ seed, cases, finds }) : `${cases} cases, ${finds.length} finds`)
process.exitCode = finds.length > 0 ? 1 : 0
