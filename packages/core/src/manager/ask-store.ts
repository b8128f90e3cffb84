import { EvergrantError, isEvergrantError } from '../errors.js'
import type { TokenStore } from '../store/token-store.js'
import { type Mark, markNow } from '../time/clock.js'
import type { ManagerContext } from './context.js'

/** An answer of the store with the instant at which we asked: what its times are judged from. */
export interface Asked<A> {
  readonly answer: A
  readonly askedAt: Mark
  /** Counts this manager's questions in the order in which they were asked. */
  readonly order: number
}

/** Runs one step of the store: every failure becomes one of ours, every answer sets the store's clock. */
export async function askStore<A>(
  ctx: Pick<ManagerContext, 'store' | 'clock' | 'storeClock' | 'questions'>,
  step: (store: TokenStore) => Promise<A>,
): Promise<Asked<A>> {
  const askedAt = markNow(ctx.clock)
  const order = ++ctx.questions.asked
  try {
    const answer = await step(ctx.store)
    const nowMs = (answer as { nowMs?: unknown } | undefined)?.nowMs
    if (typeof nowMs === 'number') ctx.storeClock.observe(nowMs, askedAt)
    return { answer, askedAt, order }
  } catch (error) {
    throw asStoreError(error)
  }
}

/** As {@link askStore}; the failure is a value, for in a rotation it is one of the expected outcomes. */
export async function tryStore<A>(
  ctx: Pick<ManagerContext, 'store' | 'clock' | 'storeClock' | 'questions'>,
  step: (store: TokenStore) => Promise<A>,
): Promise<Asked<A> | EvergrantError> {
  return askStore(ctx, step).catch((error: EvergrantError) => error)
}

/** A driver's error may quote its parameters: only its name and code pass. */
function asStoreError(error: unknown): EvergrantError {
  if (error instanceof EvergrantError) return error
  // Another copy of this package made it.
  if (isEvergrantError(error)) return new EvergrantError(error.code, error.message, { reason: error.reason })
  const { name, code } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>
  const reason = typeof code === 'string' && /^\w{2,40}$/.test(code) ? code : undefined
  const kind = typeof name === 'string' && /^\w{2,40}$/.test(name) ? name : 'an error'
  return new EvergrantError('STORE_UNAVAILABLE', `The token store failed with ${kind}`, { reason })
}
