import { EvergrantError } from '../errors.js'
import { clampTimer } from '../time/patience.js'
import type { ManagerContext } from './context.js'

/**
 * Nothing new is sent from here on; what was sent is read, and what was read is stored, within `timeoutMs`.
 *
 * @throws EvergrantError `UNCOMMITTED_SUCCESSOR` with the ids of grants whose successor could not be stored
 */
export async function closeManager(ctx: ManagerContext, timeoutMs: number): Promise<void> {
  const { lifecycle, clock } = ctx
  const rotations = [...lifecycle.rotations]
  const wakeAll = (): void => {
    for (const rotation of rotations) rotation.wake('news')
    for (const { alarm } of lifecycle.exchanges.values()) alarm.ring()
  }
  lifecycle.closing = true
  wakeAll()
  const work = [...rotations.map((rotation) => rotation.done), ...lifecycle.exchanges.keys()]
  let timer: unknown
  const timeout = new Promise<'late'>((resolve) => {
    timer = clock.setTimeout(() => resolve('late'), clampTimer(timeoutMs))
  })
  const outcome = await Promise.race([Promise.allSettled(work), timeout])
  clock.clearTimeout(timer)
  ctx.budget.end()
  if (outcome !== 'late') return
  // What has sent its token and is not stored may be lost; what has sent nothing loses nothing by going.
  const unstored = rotations
    .filter(({ entry, ...rotation }) => entry.inHand || (entry.known && rotation.hasSent(entry.known.record)))
    .map(({ entry }) => entry.key.grantId)
  const exchanged = [...lifecycle.exchanges.values()].filter(({ hasSent }) => hasSent)
  const grantIds = [...new Set([...unstored, ...exchanged.map(({ grantId }) => grantId)])]
  lifecycle.abandoned = true
  wakeAll()
  if (grantIds.length === 0) return
  const message = 'Successors were read, or under way, and could not be stored: their grants may be lost'
  throw new EvergrantError('UNCOMMITTED_SUCCESSOR', message, { grantIds })
}
