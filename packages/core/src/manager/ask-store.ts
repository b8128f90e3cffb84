import { EvergrantError, isEvergrantError } from '../errors.js'
import type { TokenStore } from '../store/token-store.js'
import { type Clock, type Mark, markNow } from '../time/clock.js'
import { clampTimer } from '../time/patience.js'
import type { ManagerContext } from './context.js'

/** An answer of the store with the instant at which we asked: what its times are judged from. */
export interface Asked<A> {
  readonly answer: A
  readonly askedAt: Mark
  /** Counts this manager's questions in the order in which they were asked. */
  readonly order: number
}

type StoreContext = Pick<ManagerContext, 'store' | 'clock' | 'storeClock' | 'questions' | 'timings'>

/**
 * Runs one step of the store: every failure becomes one of ours, every answer sets the store's clock. A store that
 * does not answer in time counts as away. What it does later is what a repeated step does: nothing new.
 */
export async function askStore<A>(
  ctx: StoreContext,
  step: (store: TokenStore) => Promise<A>,
  timeoutMs: number = ctx.timings.storeTimeoutMs,
): Promise<Asked<A>> {
  const askedAt = markNow(ctx.clock)
  const order = ++ctx.questions.asked
  try {
    const answer = await inTime(ctx.clock, timeoutMs, step(ctx.store))
    const nowMs = (answer as { nowMs?: unknown } | undefined)?.nowMs
    if (typeof nowMs === 'number') ctx.storeClock.observe(nowMs, askedAt)
    return { answer, askedAt, order }
  } catch (error) {
    throw asStoreError(error)
  }
}

/** As {@link askStore}; the failure is a value, for in a rotation it is one of the expected outcomes. */
export async function tryStore<A>(
  ctx: StoreContext,
  step: (store: TokenStore) => Promise<A>,
  timeoutMs?: number,
): Promise<Asked<A> | EvergrantError> {
  return askStore(ctx, step, timeoutMs).catch((error: EvergrantError) => error)
}

/** An answer that comes later, or never, is nobody's any more. */
function inTime<A>(clock: Clock, timeoutMs: number, answer: Promise<A>): Promise<A> {
  return new Promise((resolve, reject) => {
    const late = (): void =>
      reject(new EvergrantError('STORE_UNAVAILABLE', 'The token store did not answer', { reason: 'timeout' }))
    const timer = clock.setTimeout(late, clampTimer(timeoutMs))
    answer.then(resolve, reject).finally(() => clock.clearTimeout(timer))
  })
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
