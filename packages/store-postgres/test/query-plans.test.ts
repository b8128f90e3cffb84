import { beforeAll, describe, expect, it } from 'vitest'
import { postgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'

const rows = 20_000

describe.skipIf(!serverIsThere)(`with ${rows} grants`, () => {
  const database = useDatabase()
  // Shows the plan of every statement inside our functions as it really runs, to the client.
  const explaining = [
    'session_preload_libraries=auto_explain',
    'auto_explain.log_min_duration=0',
    'auto_explain.log_nested_statements=on',
    'client_min_messages=log',
  ]
  const pool = database.pool({ max: 1, options: explaining.map((each) => `-c ${each}`).join(' ') })
  const store = postgresStore({ pool, listen: false })
  const plans: string[] = []

  beforeAll(async () => {
    const owner = database.pool({ max: 1 })
    await owner.query(`
      INSERT INTO evergrant.grants (provider, grant_id, chain, generation, secret, expires_at_ms, renew_at_ms,
        state, attempts, sends, committed_at_ms)
      SELECT 'p', 'g-' || i, 'c', 1, '"s"', 1e12, i, 'live', '[]', 0, 1 FROM generate_series(1, ${rows}) AS i`)
    await owner.query('ANALYZE evergrant.grants')
    pool.on('connect', (client) => {
      client.on('notice', ({ message }) => {
        if (message?.includes('plan:')) plans.push(message)
      })
    })
  })

  const link = { provider: 'p', grantId: 'g-777', chain: 'c', generation: 1 } as const
  const pair = { secret: 's', expiresAtMs: null, renewAtMs: 5 }
  const lease = { attempt: 'a', ttlMs: 60_000, maxHoldMs: 60_000 }
  let heldSinceMs = 0
  const steps: Record<string, (round: number) => Promise<unknown>> = {
    load: () => store.load(link),
    async acquire() {
      const answer = await store.acquire({ ...link, ...lease })
      if (answer.status === 'acquired') heldSinceMs = answer.heldSinceMs
    },
    arm: () => store.arm({ ...link, ...lease, heldSinceMs }),
    release: () => store.release({ ...link, attempt: 'a', outcome: 'lost' }),
    commit: (round) =>
      store.commit({ ...link, grantId: 'g-888', generation: round, attempt: 'a', next: pair }),
    save: (round) => store.save({ ...link, ...pair, grantId: 'g-999', chain: `c-${round}` }),
    claimDue: () => store.claimDue({ provider: 'p', beforeMs: 10_000, limit: 100, holdMs: 60_000 }),
    list: () => store.list({ provider: 'p', after: 'g-5', limit: 50 }),
    remove: (round) => store.remove({ ...link, grantId: `g-${round}` }),
  }

  it.each(Object.keys(steps))('%s is an index look-up, and stays one', async (name) => {
    plans.length = 0
    // From the sixth time on the server may use a plan for any values.
    for (let round = 1; round <= 8; round++) await steps[name]?.(round)
    const ofGrants = plans.filter((plan) => /(on|using) .*grants/i.test(plan) && /Scan/.test(plan))
    expect(ofGrants.length).toBeGreaterThanOrEqual(8)
    for (const plan of ofGrants) {
      expect(plan).toMatch(/Index Scan|Bitmap Index Scan/)
      expect(plan).not.toMatch(/Seq Scan|Sort Key: grants|Sort Key: renew_at_ms/)
    }
    if (name === 'claimDue') console.log(ofGrants.slice(-2).join('\n'))
  })
})
