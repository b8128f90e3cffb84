import type { TokenStore } from '@evergrant/core'
import type { Keys } from './keys.js'
import { numberText } from './records.js'
import type { RunScript } from './script-runner.js'
import { claimScript, findDueScript } from './scripts/due-scripts.js'

interface DueGrant {
  readonly grantId: string
  /** When it became due. */
  readonly sinceMs: number
}

/** Most that is read of one bucket at once. */
const longestPiece = 1_000

/**
 * `TokenStore.claimDue`: looks into every bucket for what is due, then claims the earliest of all. Each claim
 * is one atomic step of its bucket; of two sweepers that want the same grant one finds it gone and looks again.
 */
export function createDueClaims(run: RunScript, keys: Keys): TokenStore['claimDue'] {
  return async ({ provider, beforeMs, limit, holdMs }) => {
    const before = numberText(beforeMs)
    const wanted = Math.min(Math.max(0, Math.floor(limit)), 2 ** 31)
    const buckets = keys.buckets.map((bucket) => {
      const { due, claimed } = bucket(provider)
      return [due, claimed]
    })
    const claimed: DueGrant[] = []
    let nowMs = 0

    /** The earliest of all buckets, up to `count`; not `complete`: there may be more behind them. */
    async function findDue(count: number): Promise<{ earliest: DueGrant[]; complete: boolean }> {
      const piece = Math.min(longestPiece, count, Math.ceil((2 * count) / buckets.length) + 4)
      /** Behind the end of a bucket that has more than its piece, the order is not known. */
      let knownUntilMs = Number.POSITIVE_INFINITY
      const found = buckets.map(async (names) => {
        const answer = await run(findDueScript, names, [before, String(piece)])
        nowMs = Math.max(nowMs, answer.nowMs)
        const pairs = (answer.rest[1] as unknown[]).map(String)
        const due = pairs.flatMap((grantId, i): DueGrant[] =>
          i % 2 === 1 ? [] : [{ grantId, sinceMs: Number(pairs[i + 1]) }],
        )
        const last = due.at(-1)
        if (last && due.length === piece) knownUntilMs = Math.min(knownUntilMs, last.sinceMs)
        return due
      })
      const all = (await Promise.all(found)).flat().filter(({ sinceMs }) => sinceMs <= knownUntilMs)
      all.sort((a, b) => a.sinceMs - b.sinceMs)
      return { earliest: all.slice(0, count), complete: knownUntilMs === Number.POSITIVE_INFINITY }
    }

    /** Answers how many of the chosen are claimed now. */
    async function claim(chosen: readonly DueGrant[]): Promise<number> {
      const byId = new Map(chosen.map((grant) => [grant.grantId, grant]))
      const calls = [...keys.byBucket(provider, [...byId.keys()])].map(async ([bucket, grantIds]) => {
        const args = [before, numberText(holdMs), ...grantIds]
        const { rest } = await run(claimScript, buckets[bucket] ?? [], args)
        return (rest[1] as unknown[]).flatMap((id) => byId.get(String(id)) ?? [])
      })
      const mine = (await Promise.all(calls)).flat()
      claimed.push(...mine)
      return mine.length
    }

    for (;;) {
      const { earliest, complete } = await findDue(wanted - claimed.length)
      const mine = await claim(earliest)
      if (claimed.length >= wanted) break
      // When others took some of them, there may be more behind.
      if (complete && mine === earliest.length) break
    }
    claimed.sort((a, b) => a.sinceMs - b.sinceMs)
    return { nowMs, keys: claimed.map(({ grantId }) => ({ provider, grantId })) }
  }
}
