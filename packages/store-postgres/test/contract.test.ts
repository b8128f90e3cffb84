import { keyring, sealed } from '@evergrant/core'
import { type OpenedStore, storeContract } from '@evergrant/testing'
import type pg from 'pg'
import { beforeAll, describe, it } from 'vitest'
import { migrate, postgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'

const tables = ['grants', 'budgets', 'budget_slots', 'budget_demands']

/** The cases mostly wait, so a few run at once: each in tables of its own, which are emptied before. */
function emptyStores(pool: pg.Pool) {
  const free = ['a_', 'b_', 'c_', 'd_', 'e_']
  beforeAll(() => Promise.all(free.map((tablePrefix) => migrate(pool, { tablePrefix }))))

  return async (stores: (tablePrefix: string) => readonly ReturnType<typeof postgresStore>[]) => {
    const tablePrefix = free.pop()
    if (tablePrefix === undefined) throw new Error('more cases at once than there are tables')
    await pool.query(tables.map((table) => `DELETE FROM evergrant.${tablePrefix}${table}`).join(';'))
    const [store, second] = stores(tablePrefix)
    if (!store || !second) throw new Error('two handles, please')
    const opened: OpenedStore = {
      store,
      openSecond: async () => second,
      async close() {
        await Promise.all([store.close(), second.close()])
        free.push(tablePrefix)
      },
    }
    return opened
  }
}

describe.skipIf(!serverIsThere).concurrent('postgresStore, two pools with LISTEN', () => {
  const database = useDatabase('empty')
  const pools = [database.pool({ max: 8 }), database.pool({ max: 8 })] as const
  const emptyStore = emptyStores(pools[0])
  const open = () => emptyStore((tablePrefix) => pools.map((pool) => postgresStore({ pool, tablePrefix })))
  for (const { name, run } of storeContract({ open })) it(name, run)
})

describe.skipIf(!serverIsThere).concurrent('postgresStore, SERIALIZABLE by default and no LISTEN', () => {
  const database = useDatabase('empty')
  const options = '-c default_transaction_isolation=serializable'
  const pools = [database.pool({ options, max: 4 }), database.pool({ options, max: 4 })] as const
  const emptyStore = emptyStores(pools[0])
  const open = () =>
    emptyStore((tablePrefix) => pools.map((pool) => postgresStore({ pool, tablePrefix, listen: false })))
  for (const { name, run } of storeContract({ open })) {
    if (!name.startsWith('watch')) it(name, run)
  }
})

describe.skipIf(!serverIsThere).concurrent('sealed(postgresStore), two pools with LISTEN', () => {
  const database = useDatabase('empty')
  const ring = keyring({ current: 'k1', keys: [{ kid: 'k1', key: new Uint8Array(32).fill(1) }] })
  const pools = [database.pool({ max: 8 }), database.pool({ max: 8 })] as const
  const emptyStore = emptyStores(pools[0])
  async function open(): Promise<OpenedStore> {
    const opened = await emptyStore((tablePrefix) =>
      pools.map((pool) => postgresStore({ pool, tablePrefix })),
    )
    const second = await opened.openSecond()
    return { ...opened, store: sealed(opened.store, ring), openSecond: async () => sealed(second, ring) }
  }
  for (const { name, run } of storeContract({ open })) it(name, run)
})
