/** One of the processes that rotate without a pause while the keys are changed. */
import { createTokenManager, isEvergrantError, oauth2Provider } from '@evergrant/core'
import { openSealed } from './keys.js'
import { grantIdAt, type Message, type Order, type WorkerReport } from './messages.js'

const AT_ONCE = 3

const tell = (message: Message): void => void process.send?.(message)

async function rotate(order: Extract<Order, { type: 'rotate' }>): Promise<() => Promise<WorkerReport>> {
  const opened = await openSealed(order.store, order.keys, 'new')
  const tokens = createTokenManager({
    provider: oauth2Provider(order.provider),
    store: opened.store,
    maxCachedGrants: 200,
  })
  const failures: Record<string, number> = {}
  let rotations = 0
  let longestMs = 0
  let isOver = false

  async function keepRotating(): Promise<void> {
    while (!isOver) {
      const grantId = grantIdAt(1 + Math.floor(Math.random() * order.grants))
      const beganMs = performance.now()
      try {
        await tokens.getAccessToken(grantId, { forceRefresh: true })
        rotations += 1
        if (rotations === 1) tell({ type: 'rotating' })
      } catch (error) {
        const what = isEvergrantError(error) ? `${error.code} ${error.reason ?? ''}`.trim() : String(error)
        failures[what] = (failures[what] ?? 0) + 1
      }
      longestMs = Math.max(longestMs, performance.now() - beganMs)
    }
  }

  const work = Promise.all(Array.from({ length: AT_ONCE }, keepRotating))
  return async () => {
    isOver = true
    await work
    await tokens.close()
    await opened.close()
    return { rotations, longestMs: Math.round(longestMs), failures }
  }
}

process.on('disconnect', () => process.exit(0))
let stop: Promise<() => Promise<WorkerReport>> | undefined
process.on('message', (order: Order) => {
  if (order.type === 'rotate') stop ??= rotate(order)
  else void stop?.then((end) => end()).then((report) => tell({ type: 'stopped', report }))
})
tell({ type: 'booted' })
