import { EvergrantError } from '../errors.js'
import type { GrantEntry } from '../grant/grant-entry.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import type { GrantLink, GrantRecord, ReleaseOutcome } from '../store/token-store.js'
import type { Validity } from '../time/clock.js'
import type { Timings } from './timings.js'

/** The lease of one link, held by one attempt. */
export interface Hold {
  readonly link: GrantLink
  readonly attempt: string
  readonly timings: Timings
  /** Makes room for the next grant that wants to prepare its rotation. */
  readonly leave: () => void
  /** The lease as it was last given. */
  lease: Validity
  /** Store clock: when this lease began, of which `lease` may be an extension. */
  heldSinceMs: number
  /** What came with it: nobody else has sent since, whatever other answers say. */
  record: GrantRecord
}

/**
 * Never fails: with the store away the lease runs out by itself, and the release is repeated before this process
 * asks for the lease again.
 */
export async function release(
  ctx: ManagerContext,
  entry: GrantEntry,
  { link, attempt }: Pick<Hold, 'link' | 'attempt'>,
  outcome: ReleaseOutcome,
): Promise<void> {
  entry.ended.add(attempt)
  // Should a release arrive late, or twice, it must find no later hold of the same name.
  if (entry.attempt === attempt) entry.attempt = undefined
  entry.unreleased = { ...link, attempt, outcome }
  await finishRelease(ctx, entry)
}

/** Repeats a release that was not answered. Returns the failure, if it still is not. */
export async function finishRelease(
  ctx: ManagerContext,
  entry: GrantEntry,
): Promise<EvergrantError | undefined> {
  const { unreleased } = entry
  if (!unreleased) return undefined
  const asked = await tryStore(ctx, (store) => store.release(unreleased))
  if (asked instanceof EvergrantError) return asked
  if (entry.unreleased === unreleased) entry.unreleased = undefined
  return undefined
}
