/** A process that keeps grants alive, and looks at its own heap while it does. */
import { createTokenManager, oauth2Provider, type TokenManager, type TokenStore } from '@evergrant/core'
import { grantIdAt } from './made-up-grants.js'
import type { HeapSample, MemoryReport, MemorySetup } from './memory-messages.js'
import { type OpenedStore, openStore } from './open-store.js'
import { settledHeap } from './settled-heap.js'

const setup = JSON.parse(process.argv[2] ?? '') as MemorySetup

const managerOn = (store: TokenStore, maxCachedGrants: number, onRenewed: () => void): TokenManager =>
  createTokenManager({
    provider: oauth2Provider(setup.provider),
    store,
    maxCachedGrants,
    onEvent: ({ type }) => void (type === 'grant.rotated' && onRenewed()),
  })

/** Renews all that is due. A sweep begins when that before it is done: there nothing is in flight. */
async function renew(opened: OpenedStore): Promise<{ samples: HeapSample[]; manager: TokenManager }> {
  const { total, each } = setup.renewals
  const samples: HeapSample[] = []
  let renewed = 0
  let finish: () => void
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const watched: TokenStore = {
    ...opened.store,
    async claimDue(request) {
      if (renewed >= samples.length * each) {
        samples.push({ after: renewed, heapBytes: await settledHeap() })
        if (renewed >= total) finish()
      }
      return opened.store.claimDue(request)
    },
  }
  const manager = managerOn(watched, setup.maxCachedGrants, () => {
    renewed += 1
  })
  manager.start({ sweepIntervalMs: setup.sweepIntervalMs })
  // The sweep keeps no process alive; this one has to stay for it.
  const stay = setInterval(() => {}, 1_000)
  await finished
  clearInterval(stay)
  return { samples, manager }
}

/** Hands out tokens of grants all over the store, each once. */
async function read(manager: TokenManager): Promise<HeapSample[]> {
  const { total, each, outOf } = setup.reads
  const samples = [{ after: 0, heapBytes: await settledHeap() }]
  for (let n = 1; n <= total; n++) {
    await manager.getAccessToken(grantIdAt(Math.ceil((n / total) * outOf)))
    if (n % each === 0) samples.push({ after: n, heapBytes: await settledHeap() })
  }
  return samples
}

// The main process is gone, and with it the server.
process.once('disconnect', () => process.exit(1))
const opened = openStore(setup.store)
const rssBefore = process.memoryUsage().rss
const beganMs = performance.now()
const { samples: renewing, manager } = await renew(opened)
const renewalsTookMs = Math.round(performance.now() - beganMs)
const reading = await read(manager)
const rssAfter = process.memoryUsage().rss
await manager.close()
const roomy = managerOn(opened.store, setup.reads.total * 2, () => {})
const readingUnbounded = await read(roomy)
await roomy.close()
await opened.close()

const rssBytes = { before: rssBefore, after: rssAfter }
const report: MemoryReport = { renewing, reading, readingUnbounded, rssBytes, renewalsTookMs }
process.send?.(report, () => process.exit(0))
