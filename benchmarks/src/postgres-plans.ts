import type { GrantLink, TokenPair, TokenStore } from '@evergrant/core'
import { postgresStore } from '@evergrant/store-postgres'
import { dueTimesFrom, grantIdAt, PROVIDER } from './made-up-grants.js'
import { poolOn, type StoreAddress } from './open-store.js'
import type { QueryPlan } from './query-plan.js'

/** Shows the plan of every statement inside the store's routines as it really ran, and the pages it touched. */
const EXPLAINING = [
  'session_preload_libraries=auto_explain',
  'auto_explain.log_min_duration=0',
  'auto_explain.log_nested_statements=on',
  'auto_explain.log_analyze=on',
  'auto_explain.log_timing=off',
  'auto_explain.log_buffers=on',
  'client_min_messages=log',
]

/** From the sixth time on the server may use a plan for any values. */
const ROUNDS = 8

type Step = (store: TokenStore, link: GrantLink & TokenPair, round: number) => Promise<unknown>

function stepsOn(grants: number): Readonly<Record<string, Step>> {
  const attempt = 'plan'
  const lease = { attempt, ttlMs: 60_000, maxHoldMs: 60_000 }
  const { firstMs, spreadMs } = dueTimesFrom(Date.now())
  const due = { provider: PROVIDER, limit: 32, holdMs: 1 }
  let heldSinceMs = 0
  return {
    load: (store, link) => store.load(link),
    async acquire(store, link) {
      const answer = await store.acquire({ ...link, ...lease })
      if (answer.status === 'acquired') heldSinceMs = answer.heldSinceMs
    },
    arm: (store, link) => store.arm({ ...link, ...lease, heldSinceMs }),
    commit: (store, link) => store.commit({ ...link, attempt, next: link }),
    'claimDue, nothing due': (store) => store.claimDue({ ...due, beforeMs: Date.now() }),
    'claimDue, half due': (store) => store.claimDue({ ...due, beforeMs: firstMs + spreadMs / 2 }),
    list: (store, _, round) =>
      store.list({ provider: PROVIDER, limit: 100, after: grantIdAt(Math.floor((grants * round) / 10)) }),
  }
}

async function linkIn(store: TokenStore, grantId: string): Promise<GrantLink & TokenPair> {
  const { record } = await store.load({ provider: PROVIDER, grantId })
  if (record === undefined) throw new Error(`there is no ${grantId}`)
  return record
}

/** The plans of the last of several rounds of each step, for statements that read grants. */
export async function postgresPlans(
  { port, schema }: Extract<StoreAddress, { kind: 'postgres' }>,
  grants: number,
): Promise<readonly QueryPlan[]> {
  const pool = poolOn(port, EXPLAINING, 1)
  const store = postgresStore({ pool, schema, listen: false })
  let seen: string[] = []
  pool.on('connect', (client) => {
    client.on('notice', ({ message = '' }) => {
      const [, plan] = message.split(/Query Text: (?:.|\n)*?\n(?=\S.*\(cost=)/)
      if (plan?.includes('grants')) seen.push(plan)
    })
  })
  const plans: QueryPlan[] = []
  try {
    for (const [of, step] of Object.entries(stepsOn(grants))) {
      for (let round = 1; round <= ROUNDS; round++) {
        const link = await linkIn(store, grantIdAt(Math.floor(grants / 2)))
        seen = []
        await step(store, link, round)
      }
      for (const plan of new Set(seen)) plans.push({ of, plan })
    }
  } finally {
    await store.close()
    await pool.end()
  }
  return plans
}
