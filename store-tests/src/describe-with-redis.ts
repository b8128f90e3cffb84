import { afterAll, describe, it } from 'vitest'
import { noRedis, redisProgram } from './redis-program.js'
import { removeEveryRedis } from './redis-server.js'

/**
 * As `describe`, and ends the servers that its tests have started. Without a server the tests fail where CI is set, so
 * that nobody takes skipped tests for passed ones, and are skipped loudly elsewhere.
 */
export function describeWithRedis(name: string, tests: () => void): void {
  if (redisProgram !== undefined) {
    describe(name, () => {
      afterAll(removeEveryRedis)
      tests()
    })
    return
  }
  if (process.env.CI) {
    it(`${name} needs a server`, () => {
      throw new Error(noRedis)
    })
    return
  }
  describe.skip(`${name} (NOT TESTED: ${noRedis})`, tests)
  process.stderr.write(`\n!!! '${name}' is NOT TESTED here: ${noRedis}\n\n`)
}
