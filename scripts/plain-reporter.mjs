import { writeFileSync } from 'node:fs'

/** Ends a run with one line that every test runner's reader understands. */
export default class PlainReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    for (const module of modules) {
      counts.failed += module.errors().length
      for (const test of module.children.allTests()) {
        const state = test.result().state
        if (state in counts) counts[state] += 1
      }
    }
    const line = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
    console.log(line)
    if (process.env.EVERGRANT_COUNTS) writeFileSync(process.env.EVERGRANT_COUNTS, line)
  }
}
