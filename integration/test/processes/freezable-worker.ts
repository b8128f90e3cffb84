/**
 * A process that stops at one await of its rotation, and goes on when told. In between it is frozen by
 * SIGSTOP; its clocks then show the freeze as the parent says: both do, only the wall clock, or none.
 */
import { createTokenManager, oauth2Provider, systemClock, type TokenStore } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import type { FreezableJobs, FreezeOrder, HiddenTime, WorkerSetup } from './messages.js'

const setup = readSetup<WorkerSetup>()
const hidden = { wallMs: 0, monotonicMs: 0 }
const clock = {
  ...systemClock,
  now: () => systemClock.now() - hidden.wallMs,
  monotonic: () => systemClock.monotonic() - hidden.monotonicMs,
}

let order: FreezeOrder | undefined
let arrive = (): void => {}
const isThere = new Promise<void>((resolve) => {
  arrive = resolve
})
let goOn = (_hidden: HiddenTime): void => {}

async function stopAt(step: string, when: 'before' | 'after'): Promise<void> {
  if (order?.step !== step || order.when !== when) return
  order = undefined
  arrive()
  const thawed = await new Promise<HiddenTime>((resolve) => {
    goOn = resolve
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

serve<FreezableJobs>({
  async rotate(first) {
    order = first
    return (await tokens.getAccessToken('agency')).generation
  },
  isThere: () => isThere,
  goOn: (hidden) => goOn(hidden),
})
