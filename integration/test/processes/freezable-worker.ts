/**
 * A process that stops at one await of its rotation, tells so, and goes on when told. In between it is frozen by
 * SIGSTOP; its clocks then show the freeze as the parent says: both do, only the wall clock, or none.
 */
import { createTokenManager, oauth2Provider, systemClock, type TokenStore } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import type { FreezeOrder, WorkerSetup } from './messages.js'

const setup = JSON.parse(process.argv[2] ?? '') as WorkerSetup
const hidden = { wallMs: 0, monotonicMs: 0 }
const clock = {
  ...systemClock,
  now: () => systemClock.now() - hidden.wallMs,
  monotonic: () => systemClock.monotonic() - hidden.monotonicMs,
}

let order: FreezeOrder | undefined

async function stopAt(step: string, when: 'before' | 'after'): Promise<void> {
  if (order?.step !== step || order.when !== when) return
  order = undefined
  process.send?.('there')
  const thawed = await new Promise<{ wallMs: number; monotonicMs: number }>((resolve) => {
    process.once('message', resolve)
  })
  hidden.wallMs += thawed.wallMs
  hidden.monotonicMs += thawed.monotonicMs
}

const file = sqliteStore({ path: setup.path })
const store = new Proxy(file, {
  get(target, name: string) {
    const value = target[name as keyof TokenStore] as (request: never) => Promise<unknown>
    if (typeof value !== 'function' || name === 'watch') return value
    return async (request: never) => {
      await stopAt(name, 'before')
      const answer = await value(request)
      await stopAt(name, 'after')
      return answer
    }
  },
})

const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store,
  clock,
  timings: {
    leaseMs: 400,
    requestTimeoutMs: 600,
    armedLeaseMs: 800,
    settleMs: 400,
    minRotationIntervalMs: 0,
  },
})

process.once('message', (first: FreezeOrder) => {
  order = first
  tokens.getAccessToken('agency').then(
    ({ generation }) => process.send?.({ generation }),
    ({ code, message }) => process.send?.({ error: `${code} ${message}` }),
  )
})
process.on('disconnect', () => {
  void tokens.close().then(() => file.close())
})
process.send?.('ready')
