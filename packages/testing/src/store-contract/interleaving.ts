import assert from 'node:assert/strict'
import type { GrantLink } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { type ContractWorld, long, pairOf, someKey } from './contract-world.js'

type Step = (world: ContractWorld, link: GrantLink) => Promise<{ readonly status: string } | undefined>

const attempt = 'attempt-1'
const steps = {
  acquire: (world, link) => world.acquire(link, attempt),
  arm: (world, link) => world.arm(link, attempt),
  commit: ({ store }, link) => store.commit({ ...link, attempt, next: pairOf('secret-rotated') }),
  fail: ({ store }, link) => store.fail({ ...link, attempt, reason: 'invalid_grant' }),
  release: async ({ store }, link) => {
    await store.release({ ...link, attempt, outcome: 'lost' })
    return undefined
  },
} satisfies Record<string, Step>

/** The three ways through a rotation. */
const rotations: readonly (readonly (keyof typeof steps)[])[] = [
  ['acquire', 'arm', 'commit'],
  ['acquire', 'arm', 'fail'],
  ['acquire', 'release'],
]

async function run(
  world: ContractWorld,
  link: GrantLink,
  names: readonly (keyof typeof steps)[],
): Promise<string[]> {
  const statuses: string[] = []
  for (const name of names) {
    const answer = await steps[name](world, link)
    if (answer) statuses.push(answer.status)
  }
  return statuses
}

function describeGap(rotation: readonly string[], gap: number): string {
  return [...rotation.slice(0, gap), '|', ...rotation.slice(gap)].join(' ')
}

function savedBetween(rotation: readonly (keyof typeof steps)[], gap: number) {
  return async (world: ContractWorld): Promise<void> => {
    const old = await world.saved()
    await run(world, old, rotation.slice(0, gap))
    // Through the other handle, as the process does that serves the user's browser.
    const second = await world.second()
    const request = { ...someKey, chain: 'chain-2', generation: 1, ...pairOf('secret-new') } as const
    await second.save(request)
    const record = await world.stored(old)
    const late = await run(world, old, rotation.slice(gap))
    assert.deepEqual(new Set(late), new Set(late.length > 0 ? ['superseded'] : []))
    assert.deepEqual({ ...(await world.stored(old)) }, { ...record })
    const next = await second.acquire({ ...request, attempt: 'attempt-2', ttlMs: long, maxHoldMs: long })
    assert.equal(next.status, 'acquired')
  }
}

function removedBetween(rotation: readonly (keyof typeof steps)[], gap: number) {
  return async (world: ContractWorld): Promise<void> => {
    const old = await world.saved()
    await run(world, old, rotation.slice(0, gap))
    const { record } = await (await world.second()).remove(old)
    assert.equal(record?.chain, old.chain)
    const late = await run(world, old, rotation.slice(gap))
    assert.deepEqual(new Set(late), new Set(late.length > 0 ? ['missing'] : []))
    assert.equal((await world.store.load(old)).record, undefined)
  }
}

/** `save` and `remove` in each gap of each rotation: a new authorization and a removal always win. */
export const interleavingChecks: ContractChecks = Object.fromEntries(
  rotations.flatMap((rotation) =>
    Array.from({ length: rotation.length + 1 }, (_, gap) => gap).flatMap((gap) => [
      [`save: wins in ${describeGap(rotation, gap)}`, savedBetween(rotation, gap)],
      [`remove: wins in ${describeGap(rotation, gap)}`, removedBetween(rotation, gap)],
    ]),
  ),
)
