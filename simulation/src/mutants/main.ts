/** `npm run simulate:mutants`: proves that the simulation sees. Every mistake put into core must be caught. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runSeeds } from '../run/run-seeds.js'
import { makeMutant } from './make-mutant.js'
import { MUTATIONS, type Mutation } from './mutations.js'

/** A mutant that survives these is a hole in the simulation. */
const MOST_SEEDS = 10_000

interface Caught {
  readonly name: string
  /** How many seeds it took; `null`: it survived. */
  readonly seedsNeeded: number | null
  readonly seed: number | null
  readonly promise: string | null
  readonly what: string | null
}

const out = (line: string): void => void process.stdout.write(`${line}\n`)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function hunt(mutation: Mutation, workers: number, mostSeeds: number): Promise<Caught> {
  const mutant = makeMutant(mutation)
  try {
    const { corePath } = mutant
    const summary = await runSeeds({ first: 1, seeds: mostSeeds, workers, untilViolation: true, corePath })
    const [first] = summary.violations
    const { seed = null, promise = null, what = null } = first ?? {}
    return { name: mutation.name, seedsNeeded: seed, seed, promise, what }
  } finally {
    mutant.remove()
  }
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    seeds: { type: 'string', default: String(MOST_SEEDS) },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
})
const { only, json, seeds, workers } = values
const chosen = MUTATIONS.filter(({ name }) => only === undefined || name.includes(only))
const results: Caught[] = []
for (const mutation of chosen) {
  const caught = await hunt(mutation, Number(workers), Number(seeds))
  results.push(caught)
  const how = caught.seed === null ? 'SURVIVED' : `seed ${caught.seed}: ${caught.promise}: ${caught.what}`
  if (json) say(`${mutation.name}: ${how}`)
  else out(`${mutation.name}: ${how}`)
}
const survivors = results.filter(({ seed }) => seed === null).map(({ name }) => name)
if (json) {
  const seedsNeeded = Object.fromEntries(results.map((each) => [each.name, each.seedsNeeded]))
  out(
    JSON.stringify({
      mutants: results.length,
      caught: results.length - survivors.length,
      survivors,
      seedsNeeded,
    }),
  )
} else out(`${results.length - survivors.length} of ${results.length} caught`)
process.exitCode = survivors.length === 0 ? 0 : 1
