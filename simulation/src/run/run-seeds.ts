import { type ChildProcess, fork } from 'node:child_process'
import { bundleWorker } from './bundle-worker.js'
import type { Portion } from './seed-worker.js'
import { addSummary, emptySummary, type Summary } from './summary.js'

export interface RunSeedsOptions {
  readonly first: number
  readonly seeds: number
  readonly workers: number
  /** No new seeds after this long. */
  readonly minutes?: number | undefined
  /** End at the first violation. */
  readonly untilViolation?: boolean
  /** Another core than the workspace's: a mutant's. */
  readonly corePath?: string | undefined
  readonly onProgress?: (summary: Summary) => void
}

/** Small enough that progress shows, large enough that nobody waits for messages. */
const PORTION = 50

/** Plays seeds on several processes at once. The result does not depend on how many. */
export async function runSeeds(options: RunSeedsOptions): Promise<Summary> {
  const { first, seeds, workers } = options
  const bundle = await bundleWorker(options.corePath)
  const total = emptySummary()
  const endsAtMs =
    options.minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.minutes * 60_000
  let next = first

  function nextPortion(): Portion | undefined {
    const isOver = next >= first + seeds || performance.now() >= endsAtMs
    if (isOver || (options.untilViolation && total.violations.length > 0)) return undefined
    const size = Math.min(PORTION, first + seeds - next)
    next += size
    return { first: next - size, seeds: size }
  }

  function work(): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker: ChildProcess = fork(bundle.path, { execArgv: [] })
      const give = (): void => {
        const portion = nextPortion()
        if (portion) worker.send(portion)
        else worker.disconnect()
      }
      worker.on('message', (summary) => {
        addSummary(total, summary as Summary)
        options.onProgress?.(total)
        give()
      })
      worker.on('error', reject)
      worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))))
      give()
    })
  }
  try {
    await Promise.all(Array.from({ length: workers }, work))
  } finally {
    bundle.remove()
  }
  total.violations.sort((a, b) => a.seed - b.seed)
  return total
}
