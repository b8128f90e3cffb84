import { isEvergrantError } from '../errors.js'
import type { Patience } from '../time/patience.js'
import { askStore } from './ask-store.js'
import type { ManagerContext } from './context.js'
import type { ManagerHealth } from './token-manager.js'

/** Enough to see that something is wrong; whoever wants to know what lists them. */
const COUNTED = 100

/** How long a probe of an orchestrator usually waits, or less. */
export const HEALTH_TIMEOUT_MS = 5_000

/** @see TokenManager.health */
export async function managerHealth(ctx: ManagerContext, patience: Patience): Promise<ManagerHealth> {
  const pauses = {
    clientPausedForMs: Math.ceil(ctx.clientPause.leftMs()),
    budgetUsedUpForMs: Math.ceil(ctx.line.shutMs()),
  }
  if (ctx.lifecycle.closing) return { status: 'down', code: 'CLOSED', ...pauses }
  try {
    const page = { provider: ctx.facts.id, state: 'dead', limit: COUNTED } as const
    const { answer } = await patience.wait(askStore(ctx, (store) => store.list(page)))
    return {
      status: 'up',
      grantsNeedingAttention: answer.records.length,
      moreNeedAttention: answer.next !== undefined,
      ...pauses,
    }
  } catch (error) {
    if (!isEvergrantError(error)) throw error
    return { status: 'down', code: error.code, ...pauses }
  }
}
