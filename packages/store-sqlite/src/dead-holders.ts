import type { StoredGrant } from '@evergrant/core'
import type { GrantRow, Holders } from './grant-rows.js'
import { isSurelyDead, type ProcessIdentity, readOwnIdentity } from './process-identity.js'

/** What this process writes behind its leases and attempts, and what it concludes from those of others. */
export interface HolderWatch {
  /** Remembers this process as the one behind `attempt`. */
  sign(holders: Holders, attempt: string): Holders
  /** The grant as it stands now that some of its holders are surely dead. */
  bury(row: GrantRow): StoredGrant
}

/**
 * A process that died cannot release its lease, and nobody need wait for it: its lease counts as ended, its
 * open attempts as lost (sent perhaps, and nobody is left who could hold the reply).
 */
export function createHolderWatch(): HolderWatch {
  let self: ProcessIdentity | undefined
  let asked = false
  const own = (): ProcessIdentity | undefined => {
    if (!asked) self = readOwnIdentity()
    asked = true
    return self
  }
  const dead = (holders: Holders, attempt: string): boolean => {
    const holder = holders[attempt]
    return holder !== undefined && isSurelyDead(holder, own())
  }

  return {
    sign(holders, attempt) {
      const identity = own()
      return identity ? { ...holders, [attempt]: identity } : holders
    },

    bury({ grant, holders }) {
      const { record, lease } = grant
      const leaseEnded = lease !== undefined && dead(holders, lease.attempt)
      const isLost = record.attempts.map(({ id, state }) => state === 'open' && dead(holders, id))
      if (!leaseEnded && !isLost.includes(true)) return grant
      const attempts = record.attempts.map((attempt, i) =>
        isLost[i] ? { ...attempt, state: 'lost' as const } : attempt,
      )
      return { ...grant, record: { ...record, attempts }, lease: leaseEnded ? undefined : lease }
    },
  }
}
