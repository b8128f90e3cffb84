import type { TokenStore } from '@evergrant/core'
import type { RedisServer } from '@evergrant/store-tests/redis-server'
import { storeContract } from '@evergrant/testing'
import { afterAll, beforeAll, it } from 'vitest'
import type { Connect, ConnectedStore } from './clients.js'

let prefixes = 0

/** The contract with two connections to servers that the tests start; each case under its own prefix. */
export function contractOn(
  start: () => Promise<readonly RedisServer[]>,
  connect: Connect,
  wrap: (store: TokenStore) => TokenStore = (store) => store,
): void {
  let first: ConnectedStore
  let second: ConnectedStore

  beforeAll(async () => {
    const servers = await start()
    ;[first, second] = await Promise.all([connect(servers), connect(servers)])
  })
  afterAll(() => Promise.all([first?.close(), second?.close()]))

  async function open() {
    const prefix = `contract-${++prefixes}`
    const store = wrap(first.storeWith({ prefix }))
    return { store, openSecond: async () => wrap(second.storeWith({ prefix })), close: async () => {} }
  }

  // Most of their time is spent in waiting for the server's clock.
  for (const { name, run } of storeContract({ open })) it.concurrent(name, run)
}
