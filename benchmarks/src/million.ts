import type { MillionAsked } from './command-line.js'
import type { FilledStore, StoreMaker } from './filled-store.js'
import { judgeMemory } from './judge-memory.js'
import { DUE_GRANTS, measureMemory } from './measure-memory.js'
import type { Measured } from './measured.js'
import { makePostgres } from './postgres-maker.js'
import { scanIn } from './query-plan.js'
import { makeSqlite } from './sqlite-maker.js'
import { TIMED_STEPS, timeSteps } from './time-steps.js'

const FEW = 1_000
/** How much a median may grow from a thousand grants to a million. */
const MOST_GROWTH = 3

type Say = (line: string) => void

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

async function fill(maker: StoreMaker, grants: number, say: Say): Promise<FilledStore> {
  const beganMs = performance.now()
  const filled = await maker.fill(grants)
  const tookS = ((performance.now() - beganMs) / 1_000).toFixed(1)
  say(`${grants} grants: ${megabytes(filled.bytes)}, filled in ${tookS} s`)
  return filled
}

async function compareSteps(few: FilledStore, many: FilledStore, show: Say) {
  const [small, large] = await timeSteps([few, many])
  const steps = TIMED_STEPS.map((step) => {
    const { medianMs: fewMs = Number.NaN, p99Ms: fewP99Ms = Number.NaN } = small?.[step] ?? {}
    const { medianMs: manyMs = Number.NaN, p99Ms: manyP99Ms = Number.NaN, calls = 0 } = large?.[step] ?? {}
    const ratio = Number((manyMs / fewMs).toFixed(2))
    return {
      step,
      calls,
      few: { medianMs: fewMs, p99Ms: fewP99Ms },
      many: { medianMs: manyMs, p99Ms: manyP99Ms },
      ratio,
    }
  })
  const cell = (text: string | number): string => String(text).padStart(11)
  const titles = [`${few.grants}: median`, 'p99 ms', `${many.grants}: median`, 'p99 ms', 'ratio']
  show(`\n${'step'.padEnd(22)}${titles.map((title) => title.padStart(17)).join('')}`)
  for (const { step, few: a, many: b, ratio } of steps) {
    const values = [a.medianMs, a.p99Ms, b.medianMs, b.p99Ms, `${ratio} ×`]
    show(`${step.padEnd(22)}${values.map((value) => cell(value).padStart(17)).join('')}`)
  }
  return steps
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

    const steps = await compareSteps(few, many, show)
    for (const { step, ratio } of steps) {
      if (!(ratio <= MOST_GROWTH)) problems.push(`the median of ${step} grew ${ratio} ×`)
    }

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
