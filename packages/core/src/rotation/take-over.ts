import { adopt, forgetLink, type Origin } from '../grant/adopt.js'
import { type GrantEntry, linkOf } from '../grant/grant-entry.js'
import type { ManagerContext } from '../manager/context.js'
import type { GrantRecord } from '../store/token-store.js'
import { restoreLink } from './restore-link.js'
import type { RotationStep } from './rotation-step.js'

/** Adopts a newer link; mends a store that forgot our last one. */
export async function takeOver(
  ctx: ManagerContext,
  entry: GrantEntry,
  record: GrantRecord,
  from: Origin,
): Promise<RotationStep> {
  const adoption = adopt(ctx.questions, entry, record, from)
  if (adoption === 'rolled-back') return restoreLink(ctx, entry, record)
  if (adoption === 'adopted') ctx.emit({ type: 'grant.adopted', ...linkOf(record) })
  return { kind: 'moved' }
}

/** The grant was removed, as the answer to this question says. */
export function gone({ questions }: ManagerContext, entry: GrantEntry, from: Origin): RotationStep {
  forgetLink(questions, entry, from)
  // Callers look again, find nothing, and say so.
  return { kind: 'moved' }
}
