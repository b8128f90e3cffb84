import type { GrantSummary, TokenStore } from '@evergrant/core'
import type { Keys } from './keys.js'
import { readSummary } from './records.js'
import type { RunScript } from './script-runner.js'
import { findIdsScript, summariesScript } from './scripts/list-scripts.js'

/** The ids of one index of one bucket, in the order of their bytes, read a piece at a time. */
interface IdStream {
  readonly index: string
  ids: readonly { readonly text: string; readonly bytes: Buffer }[]
  position: number
  /** Whether the index has no more than `ids`. */
  complete: boolean
}

const longestPiece = 1_000

/**
 * `TokenStore.list`: merges the indexes of all buckets, then reads the records of the page. Several steps, not
 * one: a grant that changes its state or goes away meanwhile may be left out, as if the page had been asked
 * for a moment earlier or later.
 */
export function createGrantListing(run: RunScript, keys: Keys): TokenStore['list'] {
  async function fill(stream: IdStream, after: string, count: number): Promise<void> {
    const { rest } = await run(findIdsScript, [stream.index], [after, String(count)])
    const ids = (rest[1] as unknown[]).map(String)
    stream.ids = ids.map((text) => ({ text, bytes: Buffer.from(text) }))
    stream.position = 0
    stream.complete = ids.length < count
  }

  /** The first `count` ids after `after`. */
  async function nextIds(indexes: readonly string[], after: string, count: number): Promise<string[]> {
    const piece = Math.min(longestPiece, Math.ceil((2 * count) / indexes.length) + 4)
    const streams = indexes.map((index): IdStream => ({ index, ids: [], position: 0, complete: false }))
    await Promise.all(streams.map((stream) => fill(stream, after, piece)))
    const found: string[] = []
    while (found.length < count) {
      let first: IdStream | undefined
      for (const stream of streams) {
        const head = stream.ids[stream.position]
        const best = first?.ids[first.position]
        if (head && (!best || head.bytes.compare(best.bytes) < 0)) first = stream
      }
      const id = first?.ids[first.position]?.text
      if (first === undefined || id === undefined) break
      found.push(id)
      first.position++
      if (first.position === first.ids.length && !first.complete) await fill(first, id, piece)
    }
    return found
  }

  /** The records of these grants as far as they are still there, in one call per bucket. */
  async function readSummaries(provider: string, ids: readonly string[]): Promise<GrantSummary[]> {
    const found = new Map<string, GrantSummary>()
    const calls = [...keys.byBucket(provider, ids).values()].map(async (grantIds) => {
      const names = grantIds.map((grantId) => keys.grant({ provider, grantId }))
      const { rest } = await run(summariesScript, names, [])
      for (const [i, grantId] of grantIds.entries()) {
        const summary = readSummary({ provider, grantId }, (rest[1] as unknown[])[i])
        if (summary) found.set(grantId, summary)
      }
    })
    await Promise.all(calls)
    return ids.flatMap((grantId) => found.get(grantId) ?? [])
  }

  return async ({ provider, after = '', limit, state }) => {
    const indexes = keys.buckets.flatMap((bucket) => {
      const { live, dead } = bucket(provider)
      return state === undefined ? [live, dead] : [state === 'live' ? live : dead]
    })
    const wanted = Math.max(0, Math.floor(limit))
    const ids = wanted === 0 ? [] : await nextIds(indexes, after, wanted + 1)
    const page = ids.slice(0, wanted)
    const summaries = await readSummaries(provider, [...new Set(page)])
    const records = summaries.filter((record) => state === undefined || record.state === state)
    const last = page.at(-1)
    return ids.length > wanted && last !== undefined ? { records, next: last } : { records }
  }
}
