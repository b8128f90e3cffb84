import type { Run } from '../run/play-seed.js'
import type { World } from '../run/world.js'

/** Closes everything, and looks that nothing is left: no timer, no question, no request. */
export async function closeAll(world: World, run: Run): Promise<void> {
  const { hosts, time, verdicts } = world
  let left = 0
  for (const { current } of hosts) {
    current.closing = true
    for (const manager of current.managers.values()) {
      left += 1
      manager
        .close()
        .catch((error: { code?: string }) => {
          const what = `close() failed with ${error.code} though nothing was in trouble`
          verdicts.bench.violated('process', what)
        })
        .finally(() => {
          left -= 1
        })
    }
  }
  await run(world, () => left === 0)
  // Answers of the store that nobody waits for may still be under way.
  const quietAtMs = time.nowMs + 10_000
  time.at(quietAtMs, 'quiet', () => {})
  await run(world, () => time.nowMs >= quietAtMs)
  for (const { current } of hosts) {
    const { name, timers, pending } = current.process
    if (timers > 0 || pending > 0) {
      verdicts.bench.violated(
        'process',
        `${name} has ${timers} timers and ${pending} operations pending after close()`,
      )
    }
  }
}
