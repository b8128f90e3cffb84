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
  lifecycle.closing = true
  const work: Promise<unknown>[] = [...lifecycle.pending]
  const entries = [...ctx.grants.entries()].filter((entry) => entry.rotation)
  for (const entry of entries) {
    entry.rotation?.wake('news')
    if (entry.rotation) work.push(entry.rotation.done)
  }
  let timer: unknown
  const timeout = new Promise<'late'>((resolve) => {
    timer = clock.setTimeout(() => resolve('late'), clampTimer(timeoutMs))
  })
  const finished = Promise.allSettled(work)
  const outcome = await Promise.race([finished, timeout])
  clock.clearTimeout(timer)
  if (outcome !== 'late') return
  lifecycle.abandoned = true
  const grantIds = entries.filter((entry) => entry.inHand).map((entry) => entry.key.grantId)
  for (const entry of entries) entry.rotation?.wake('news')
  if (grantIds.length > 0) {
    const message = 'Successors were read and could not be stored: their grants may be lost'
    throw new EvergrantError('UNCOMMITTED_SUCCESSOR', message, { grantIds })
  }
  // What is still under way has sent nothing, or waits for a store that does not answer: nothing is lost by going.
}
