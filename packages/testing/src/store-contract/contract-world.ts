import assert from 'node:assert/strict'
import type {
  AcquireAnswer,
  AcquireRequest,
  ArmAnswer,
  GrantKey,
  GrantLink,
  GrantRecord,
  SaveRequest,
  Timed,
  TokenPair,
  TokenStore,
} from '@evergrant/core'
import type { OpenedStore } from './contract-case.js'

/** Never ends within a case. */
export const long = 60_000
/** Ends within a case: the suite waits for it, and does nothing in between that needs it to last. */
export const brief = 40

/** The grant that cases use when it does not matter which. */
export const someKey: GrantKey = { provider: 'contract', grantId: 'grant-1' }

/** A pair to save or commit; times far ahead unless told. */
export function pairOf(secret: string, times: Partial<TokenPair> = {}): TokenPair {
  return { secret, expiresAtMs: 4_000_000_000_000, renewAtMs: 3_900_000_000_000, ...times }
}

/** What a case works with: the store, a second handle, and the few moves that nearly all cases begin with. */
export interface ContractWorld {
  readonly store: TokenStore
  /** A second handle on the same data. */
  second(): Promise<TokenStore>
  /** Whether the clock is ours: then instants are exact. */
  readonly clockIsOurs: boolean
  /** Returns when the store's clock has moved on by at least `ms`. */
  pass(ms: number): Promise<void>
  /** Saves an authorization and returns its link. */
  saved(request?: Partial<SaveRequest>): Promise<GrantLink>
  acquire(
    link: GrantLink,
    attempt: string,
    times?: Partial<Pick<AcquireRequest, 'ttlMs' | 'maxHoldMs'>>,
  ): Promise<Timed<AcquireAnswer>>
  /** Arms in the hold that {@link ContractWorld.acquire} was last answered for this attempt, or in the one given. */
  arm(link: GrantLink, attempt: string, ttlMs?: number, heldSinceMs?: number): Promise<Timed<ArmAnswer>>
  /** Acquires and arms, and insists on both. */
  armed(link: GrantLink, attempt: string, ttlMs?: number): Promise<void>
  /** The stored record, which must be there. */
  stored(key: GrantKey): Promise<GrantRecord>
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))

/** Polls in real time until `condition` holds; fails with `what` after two seconds. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const givenUpAt = performance.now() + 2_000
  while (!condition()) {
    assert.ok(performance.now() < givenUpAt, `not within 2 s: ${what}`)
    await tick()
  }
}

/** Gives the store the time to do something that it must not do. */
export async function aWhile(): Promise<void> {
  for (let i = 0; i < 10; i++) await tick()
}

export function createContractWorld(opened: OpenedStore): ContractWorld {
  const { store } = opened
  let second: Promise<TokenStore> | undefined
  const holds = new Map<string, number>()
  const clock = async (): Promise<number> => (await store.load({ provider: 'clock', grantId: 'none' })).nowMs

  const world: ContractWorld = {
    store,
    second() {
      second ??= opened.openSecond()
      return second
    },
    clockIsOurs: opened.advance !== undefined,
    async pass(ms) {
      if (opened.advance) return opened.advance(ms)
      const untilMs = (await clock()) + ms
      while ((await clock()) < untilMs) await tick()
    },
    async saved(request = {}) {
      const { provider, grantId, chain, generation } = {
        ...someKey,
        chain: 'chain-1',
        generation: 1 as const,
        ...request,
      }
      await store.save({ ...pairOf('secret-1'), ...request, provider, grantId, chain, generation })
      return { provider, grantId, chain, generation }
    },
    async acquire(link, attempt, times = {}) {
      const answer = await store.acquire({ ttlMs: long, maxHoldMs: 10 * long, ...times, ...link, attempt })
      if (answer.status === 'acquired') holds.set(attempt, answer.heldSinceMs)
      return answer
    },
    arm: (link, attempt, ttlMs = long, heldSinceMs = holds.get(attempt) ?? 0) =>
      store.arm({ ...link, attempt, ttlMs, heldSinceMs }),
    async armed(link, attempt, ttlMs = long) {
      assert.equal((await world.acquire(link, attempt, { ttlMs })).status, 'acquired')
      assert.equal((await world.arm(link, attempt, ttlMs)).status, 'armed')
    },
    async stored(key) {
      const { record } = await store.load(key)
      assert.ok(record, 'the grant is stored')
      return record
    },
  }
  return world
}
