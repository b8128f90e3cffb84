import type { MillionAsked } from './command-line.js'
import { compareSteps, growthOf, showSteps } from './compare-steps.js'
import type { FilledStore, StoreMaker } from './filled-store.js'
import { judgeMemory } from './judge-memory.js'
import { DUE_GRANTS, measureMemory } from './measure-memory.js'
import type { Measured } from './measured.js'
import { makePostgres } from './postgres-maker.js'
import { scanIn } from './query-plan.js'
import { makeSqlite } from './sqlite-maker.js'

const FEW = 1_000

type Say = (line: string) => void

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

async function fill(maker: StoreMaker, grants: number, say: Say): Promise<FilledStore> {
  const beganMs = performance.now()
  const filled = await maker.fill(grants)
  const tookS = ((performance.now() - beganMs) / 1_000).toFixed(1)
  say(`${grants} grants: ${megabytes(filled.bytes)}, filled in ${tookS} s`)
  return filled
}

/** A store with a million grants beside the same store with a thousand. */
export async function million({ store, grants }: MillionAsked, show: Say, say: Say): Promise<Measured> {
  const maker = await (store === 'sqlite' ? makeSqlite() : makePostgres())
  try {
    show(maker.setting)
    const few = await fill(maker, FEW, say)
    const many = await fill(maker, grants, say)
    const problems: string[] = []

    const plans = await maker.plansOf(many)
    for (const { of, plan } of plans) show(`\n${of}\n${plan.trim().replace(/^/gm, '    ')}`)
    problems.push(...plans.map(scanIn).filter((problem) => problem !== undefined))

    const steps = await compareSteps(few, many)
    showSteps(steps, few, many, show)
    problems.push(...steps.map(growthOf).filter((problem) => problem !== undefined))

    say(`\nmemory: a process renews ${DUE_GRANTS} grants that are due among the ${grants}`)
    const memory = judgeMemory(await measureMemory(many), show)
    problems.push(...memory.problems)

    await few.close()
    await many.close()
    const results = { bench: 'million', store, grants, fewGrants: FEW, bytes: many.bytes, steps, plans }
    return { results: { ...results, memory: memory.figures }, problems }
  } finally {
    await maker.close()
  }
}
