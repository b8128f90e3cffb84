import { writeSync } from 'node:fs'
import { sqliteStore } from '../../src/index.js'

// Acquires and arms the grant, says so with its pid, and keeps quiet from then on.
const path = process.argv[2] ?? ''
const store = sqliteStore({ path })
const link = { provider: 'p', grantId: 'g', chain: 'chain-1', generation: 1 }
const lease = await store.acquire({ ...link, attempt: 'theirs', ttlMs: 60_000, maxHoldMs: 60_000 })
if (lease.status !== 'acquired') throw new Error(`the lease is not free: ${lease.status}`)
const { heldSinceMs } = lease
const { status } = await store.arm({ ...link, attempt: 'theirs', ttlMs: 60_000, heldSinceMs })
writeSync(1, `${JSON.stringify({ pid: process.pid, status })}\n`)
setInterval(() => {}, 60_000)
