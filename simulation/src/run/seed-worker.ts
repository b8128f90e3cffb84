/** Plays ranges of seeds for `run-seeds.ts`, in a process of its own: one event loop plays one seed at a time. */
import * as core from '@evergrant/core'
import { playSeed } from './play-seed.js'
import { addSeed, emptySummary, type Summary } from './summary.js'

/** What is to be played next. */
export interface Portion {
  readonly first: number
  readonly seeds: number
}

// Nobody reads the stacks of expected failures, and they cost more than the failures.
Error.stackTraceLimit = 0

async function play({ first, seeds }: Portion): Promise<Summary> {
  const summary = emptySummary()
  for (let seed = first; seed < first + seeds; seed++) {
    addSeed(summary, await playSeed(core, seed))
  }
  return summary
}

process.on('message', (portion: Portion) => {
  void play(portion).then((summary) => process.send?.(summary))
})
