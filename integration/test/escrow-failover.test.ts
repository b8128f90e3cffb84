/** What an escrow makes good when the remote store forgets its last writes, or two authorizations meet in it. */
import { ESCROW_PROVIDER, type EscrowedStore, escrowed, memoryStore, type TokenStore } from '@evergrant/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { type GatedStore, gatedStore } from './gated-store.js'

const key = { provider: 'p', grantId: 'g' }
const pairOf = (secret: string) => ({ secret, expiresAtMs: null, renewAtMs: null })

const authorization = (chain: string, expectedChain: string | null = null) =>
  ({ ...key, chain, expectedChain, generation: 1, ...pairOf(`1 of ${chain}`) }) as const

/** Each rotation by an attempt of its own. */
function commit(store: TokenStore, chain: string, generation = 1): ReturnType<TokenStore['commit']> {
  const next = pairOf(`${generation + 1} of ${chain}`)
  return store.commit({ ...key, chain, generation, attempt: `${generation} of ${chain}`, next })
}

/** Everything that lies in an escrow. */
async function secretsOn(disk: TokenStore): Promise<string> {
  const provider = ESCROW_PROVIDER
  const { records } = await disk.list({ provider, limit: 100 })
  const rows = await Promise.all(records.map(({ grantId }) => disk.load({ provider, grantId })))
  return JSON.stringify(rows)
}

async function unstoredOn(disk: TokenStore): Promise<number> {
  const { keys } = await disk.claimDue({ provider: ESCROW_PROVIDER, beforeMs: 0, limit: 9, holdMs: 0 })
  return keys.length
}

let disk: TokenStore
let remoteInner: TokenStore
let remote: GatedStore
/** What a failover puts in the place of `remote`. */
let forgetful: TokenStore
/** The store of a process whose machine has that disk, before the failover and after it. */
let kept: EscrowedStore
let after: EscrowedStore

beforeEach(() => {
  disk = memoryStore()
  remoteInner = memoryStore()
  remote = gatedStore(remoteInner)
  forgetful = memoryStore()
  kept = escrowed(remote, disk)
  after = escrowed(forgetful, disk)
})

const unavailable = { code: 'STORE_UNAVAILABLE' }

async function recordIn(store: TokenStore): Promise<unknown> {
  return (await store.load(key)).record
}

describe('of two authorizations in one escrow', () => {
  // The older one's successor lay over it, and was refused by the store: both were gone (simulation, seed 97484).
  it('a successor of the newer one that no store has is kept when one of the older comes later', async () => {
    await kept.save(authorization('old'))
    await kept.save(authorization('new', 'old'))
    remote.away = true
    await expect(commit(kept, 'new')).rejects.toMatchObject(unavailable)
    await expect(commit(kept, 'old')).rejects.toMatchObject(unavailable)
    remote.away = false
    expect((await commit(kept, 'old')).status).toBe('superseded')
    expect(await recordIn(escrowed(remote, disk))).toMatchObject({ chain: 'new', generation: 2 })
  })

  // It lay where the newer one had lain, and that could not be brought back (simulation, seed 126).
  it('the newer is kept when a successor of the older comes later', async () => {
    await kept.save(authorization('old'))
    await commit(kept, 'old')
    await kept.save(authorization('new', 'old'))
    expect((await commit(kept, 'old', 2)).status).toBe('superseded')
    await forgetful.save(authorization('old'))
    await commit(forgetful, 'old')
    expect((await commit(after, 'new')).status).toBe('committed')
  })

  // The store took it, and what was known of the newer one was overwritten (simulation, seed 18118).
  it('the older gets no successor in a store that forgot the newer', async () => {
    await kept.save(authorization('old'))
    await kept.save(authorization('new', 'old'))
    await commit(kept, 'new')
    await forgetful.save(authorization('old'))
    expect((await commit(after, 'old')).status).toBe('superseded')
    expect(await recordIn(after)).toMatchObject({ chain: 'new', generation: 2, secret: '2 of new' })
  })

  // It was kept beside what a process had left there, and not any more when it was stored (simulation, seed 33277).
  it('a successor of the newer stays where the store has it, whatever the older left in its place', async () => {
    await kept.save(authorization('old'))
    remote.away = true
    await expect(commit(kept, 'old')).rejects.toMatchObject(unavailable)
    remote.away = false
    await remoteInner.save(authorization('new', 'old'))
    await commit(kept, 'new')
    await expect.poll(() => unstoredOn(disk)).toBe(0)
    await forgetful.save(authorization('new'))
    expect(await recordIn(after)).toMatchObject({ chain: 'new', generation: 2 })
  })

  // A row that its process did not mark before it died lay in the way of every second successor.
  it('a successor of the newer is brought back also past what a dead process left of the older', async () => {
    const dying = escrowed(remote, disk)
    await dying.save(authorization('old'))
    const lost = remote.hold('commit', 'after')
    void commit(dying, 'old')
    await lost.arrived
    await kept.save(authorization('new', 'old'))
    await commit(kept, 'new')
    await forgetful.save(authorization('new'))
    expect(await recordIn(after)).toMatchObject({ chain: 'new', generation: 2 })
    // Nothing of it is left when the grant is removed.
    await after.remove({ ...key, expectedChain: 'new' })
    expect(await secretsOn(disk)).not.toContain('of new')
  })

  // It was saved once more, over the newer one, with a token that may be spent (simulation, seeds 17741, 37139).
  it.each(['in time', 'late'])(
    'the older does not come once more when its own answer was slow; the disk had answered %s',
    async (answered) => {
      await kept.save(authorization('old'))
      const slowDisk = gatedStore(disk)
      const slow = remote.hold('save', 'before')
      const told = slowDisk.hold('save', 'after')
      const saver = escrowed(remote, answered === 'late' ? slowDisk : disk, { waitMs: 10 })
      const saving = saver.save(authorization('new', 'old'))
      await slow.arrived
      told.open()
      await kept.load(key)
      await kept.save(authorization('newest', 'new'))
      slow.open()
      expect(await saving).toMatchObject({ status: 'saved', record: { chain: 'newest' } })
    },
  )
})

// Its successor was not looked for, and its token sent again (simulation, seed 61765).
it('a successor is found behind an authorization that was saved twice', async () => {
  await remoteInner.save(authorization('new'))
  await kept.save(authorization('new', 'new'))
  remote.away = true
  await expect(commit(kept, 'new')).rejects.toMatchObject(unavailable)
  remote.away = false
  expect(await recordIn(escrowed(remote, disk))).toMatchObject({ chain: 'new', generation: 2 })
})

describe('an authorization that the remote store forgot', () => {
  beforeEach(async () => {
    await kept.save(authorization('old'))
    await kept.save(authorization('new', 'old'))
  })

  // What followed it was dropped, and the token before it sent again (simulation, seed 29161).
  it('is brought back before what follows it', async () => {
    await forgetful.save(authorization('old'))
    expect((await commit(after, 'new')).status).toBe('committed')
    expect(await recordIn(forgetful)).toMatchObject({ chain: 'new', generation: 2 })
  })

  it('is found at the first use of the grant', async () => {
    await forgetful.save(authorization('old'))
    expect(await recordIn(after)).toMatchObject({ chain: 'new', generation: 1 })
  })

  it('is brought back by recover() before a successor that no store has', async () => {
    await forgetful.save(authorization('old'))
    remote.away = true
    await expect(commit(kept, 'new')).rejects.toMatchObject(unavailable)
    await after.recover()
    expect(await recordIn(forgetful)).toMatchObject({ chain: 'new', generation: 2 })
  })

  // A process adopted it, and handed out its first token after its second (simulation, seed 13702).
  it('is told of with its successor, if that lies here', async () => {
    await commit(kept, 'new')
    await forgetful.save(authorization('new'))
    const asked = { ...key, chain: 'old', generation: 1, attempt: 'b', ttlMs: 1_000, maxHoldMs: 1_000 }
    expect(await after.acquire(asked)).toMatchObject({
      status: 'superseded',
      record: { chain: 'new', generation: 2 },
    })
  })
})

// What a user had removed was there again, with an authorization of long ago (simulation, seed 2060).
it('a first authorization is not brought into a store that has nothing of its grant', async () => {
  const answered = remote.hold('save', 'after')
  const saving = kept.save(authorization('old'))
  await answered.arrived
  await remoteInner.remove(key)
  expect(await escrowed(remoteInner, disk).recover()).toBe(0)
  expect(await recordIn(remoteInner)).toBeUndefined()
  answered.open()
  await saving
})

// What came before it lay in its place, and it was thrown away as soon as it was stored.
it('an authorization is brought back also when the commit before it was stored and not answered', async () => {
  await kept.save(authorization('old'))
  await commit(kept, 'old')
  const lost = remote.hold('commit', 'after')
  void commit(kept, 'old', 2)
  await lost.arrived
  await kept.save(authorization('new', 'old'))
  await forgetful.save(authorization('old'))
  await commit(forgetful, 'old')
  await commit(forgetful, 'old', 2)
  // The disk is written behind the answer.
  await expect.poll(() => recordIn(escrowed(forgetful, disk))).toMatchObject({ chain: 'new', generation: 1 })
  lost.open()
})

// Dropped as if something newer were stored: whoever was killed before the next try took it along, and the token
// that it replaced was sent again.
describe('a successor of a link that the remote store forgot stays on the disk', () => {
  beforeEach(async () => {
    await kept.save(authorization('new'))
    await commit(kept, 'new')
    await forgetful.save(authorization('new'))
  })

  it('when its commit comes too early and its process is killed then', async () => {
    expect((await commit(after, 'new', 2)).status).toBe('superseded')
    const other = escrowed(forgetful, disk)
    expect(await recordIn(other)).toMatchObject({ generation: 2 })
    expect(await recordIn(other)).toMatchObject({ generation: 3, secret: '3 of new' })
  })

  it('and recover() brings both, one after the other', async () => {
    remote.away = true
    await expect(commit(kept, 'new', 2)).rejects.toMatchObject(unavailable)
    await after.recover()
    expect(await recordIn(forgetful)).toMatchObject({ generation: 3, secret: '3 of new' })
  })
})
