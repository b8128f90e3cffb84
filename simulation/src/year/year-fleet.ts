import type { TokenManager } from '@evergrant/core'
import type { Core } from '../core.js'
import { createMachine } from '../fleet/machine.js'
import { createProcess, type SimProcess } from '../fleet/sim-process.js'
import { simFetch } from '../network/sim-fetch.js'
import type { Scheduler } from '../time/scheduler.js'
import type { SeededChance } from '../time/seeded-chance.js'
import type { YearPlan } from './plan-year.js'
import type { YearServer } from './year-server.js'
import type { YearStore } from './year-store.js'

export interface YearMember {
  readonly process: SimProcess
  readonly manager: TokenManager
}

/** The processes of the year, each with a real token manager. */
export interface YearFleet {
  readonly members: readonly YearMember[]
  /** A new secret is rolled out: every process closes its manager and makes another. */
  deploy(secret: string): Promise<void>
  close(): Promise<void>
}

/** Of a million: enough for what a process is asked for, little enough for a hundred of them in one heap. */
const CACHED_GRANTS = 1_000

export function startYearFleet(
  core: Core,
  parts: {
    readonly plan: YearPlan
    readonly time: Scheduler
    readonly chance: SeededChance
    readonly store: YearStore
    readonly server: YearServer
    readonly secret: string
  },
): YearFleet {
  const { plan, time, store, server } = parts
  let ids = 0
  const newId = (): string => {
    ids += 1
    return `i${ids}`
  }

  function createManager(process: SimProcess, clientSecret: string): TokenManager {
    const manager = core.createTokenManager({
      provider: core.passolution({ clientId: 'year', clientSecret }),
      store: store.client(process),
      fetch: simFetch(process, server.line, time),
      clock: process.clock,
      chance: process.chance,
      maxCachedGrants: CACHED_GRANTS,
    })
    return manager
  }

  const members = Array.from({ length: plan.processes }, (_, index) => {
    const machine = createMachine(`m${index}`, () => time.nowMs, 0)
    const chance = parts.chance.fork()
    const overlongTimer = (): never => {
      throw new Error('a timer beyond what a timer can hold')
    }
    const process = createProcess({
      name: `p${index}`,
      machine,
      time,
      chance,
      newId,
      overlongTimer,
      strike: () => {},
    })
    process.spare()
    return { process, manager: createManager(process, parts.secret) }
  })

  return {
    members,
    async deploy(secret) {
      await Promise.all(
        members.map(async (member) => {
          await member.manager.close()
          member.manager = createManager(member.process, secret)
          member.manager.start({ sweepIntervalMs: plan.sweepIntervalMs })
        }),
      )
    },
    async close() {
      await Promise.all(members.map(({ manager }) => manager.close()))
    },
  }
}
