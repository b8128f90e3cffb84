import { DUE_GRANTS, MAX_CACHED_GRANTS, type MeasuredMemory } from './measure-memory.js'
import type { HeapSample } from './memory-messages.js'

/** A grant that stays in memory takes several times this. */
const MOST_BYTES_EACH = 256

const megabytes = (bytes: number): number => Number((bytes / 1e6).toFixed(2))

const inMegabytes = (samples: readonly HeapSample[]) =>
  samples.map(({ after, heapBytes }) => ({ after, heapMb: megabytes(heapBytes) }))

/** What each one more left in memory: from the middle on, when the cache is full and the code is warm. */
function bytesEach(samples: readonly HeapSample[]): number {
  const from = samples[Math.floor(samples.length / 2)]
  const to = samples.at(-1)
  if (from === undefined || to === undefined || to.after <= from.after) return Number.NaN
  return Math.round((to.heapBytes - from.heapBytes) / (to.after - from.after))
}

export function judgeMemory(measured: MeasuredMemory, show: (line: string) => void) {
  const { renewing, reading, readingUnbounded, rssBytes, tokenRequests, doubleSpends } = measured
  const figures = {
    maxCachedGrants: MAX_CACHED_GRANTS,
    renewing: inMegabytes(renewing),
    bytesPerRenewal: bytesEach(renewing),
    reading: inMegabytes(reading),
    bytesPerRead: bytesEach(reading),
    readingUnbounded: inMegabytes(readingUnbounded),
    bytesPerCachedGrant: bytesEach(readingUnbounded),
    rssMb: { before: megabytes(rssBytes.before), after: megabytes(rssBytes.after) },
    renewalsTookMs: measured.renewalsTookMs,
    tokenRequests,
    doubleSpends,
  }
  const line = (samples: readonly HeapSample[]): string =>
    inMegabytes(samples)
      .map(({ after, heapMb }) => `${after}: ${heapMb}`)
      .join(', ')
  const seconds = (measured.renewalsTookMs / 1_000).toFixed(1)
  show(`\n${tokenRequests} renewals in ${seconds} s, ${doubleSpends} double spends`)
  show(`heap in MB after so many renewals, ${MAX_CACHED_GRANTS} grants cached   ${line(renewing)}`)
  show(`... after so many reads of other grants   ${line(reading)}`)
  show(`... the same with room for all of them   ${line(readingUnbounded)}`)
  show(
    `bytes left by each renewal ${figures.bytesPerRenewal}, by each read ${figures.bytesPerRead}; ` +
      `a grant in the cache takes ${figures.bytesPerCachedGrant}`,
  )

  const problems: string[] = []
  if (!(figures.bytesPerRenewal < MOST_BYTES_EACH))
    problems.push(`each renewal leaves ${figures.bytesPerRenewal} bytes in memory`)
  if (!(figures.bytesPerRead < MOST_BYTES_EACH))
    problems.push(`each grant read leaves ${figures.bytesPerRead} bytes in memory`)
  if (tokenRequests !== DUE_GRANTS || doubleSpends !== 0)
    problems.push(`${tokenRequests} token requests for ${DUE_GRANTS} renewals, ${doubleSpends} double spends`)
  return { figures, problems }
}
