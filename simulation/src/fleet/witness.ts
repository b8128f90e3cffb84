import type { GrantKey, GrantRecord, TokenStore } from '@evergrant/core'
import { judgeSettling } from '../oracle/judge-settle.js'
import { grantName, refreshTokenIn } from '../oracle/ledger.js'
import type { World } from '../run/world.js'
import { markClocks } from './clock-mark.js'
import type { FleetProcess } from './fleet-process.js'

/**
 * Looks on between core and its store: what core asks for, and what it learns. An answer that came after core had
 * given up the question tells it nothing; of one that came in that very moment nobody here knows.
 */
export function witnessed(world: World, owner: FleetProcess, store: TokenStore): TokenStore {
  const { time, verdicts, facts, tries } = world
  const { process } = owner
  const { ledger } = verdicts.bench
  const { storeTimeoutMs } = world.core.defaultTimings

  async function ask<A>(
    provider: string,
    question: () => Promise<A>,
    learnFrom: (answer: A) => void = () => {},
    leastWaitMs: number = storeTimeoutMs,
    nobodyKnows: () => void = () => {},
  ): Promise<A> {
    const askedAt = markClocks(owner.process, time)
    const answer = await question()
    const tookMs = owner.process.machine.monotonicMs() - askedAt.monotonicMs
    if (tookMs >= storeTimeoutMs - 1) {
      if (tookMs < storeTimeoutMs + 1) nobodyKnows()
      return answer
    }
    const anchor = owner.anchors.get(provider)
    const { nowMs } = (answer ?? {}) as { nowMs?: number }
    const isHeard = nowMs !== undefined && tookMs < leastWaitMs - 1
    if (isHeard && anchor && askedAt.monotonicMs >= anchor.monotonicMs) {
      const readAtMs = time.nowMs - (world.store.nowMs() - nowMs)
      owner.anchors.set(provider, { ...askedAt, aheadMs: readAtMs - askedAt.trueMs })
    }
    learnFrom(answer)
    return answer
  }

  function learn(record: GrantRecord): void {
    const name = grantName(record)
    const before = owner.known.get(name)
    const isOlder =
      before !== undefined &&
      (before.chain === record.chain
        ? record.generation < before.generation
        : (ledger.chains.get(record.chain) ?? 0) < (ledger.chains.get(before.chain) ?? 0))
    if (isOlder) {
      // A store that forgot a whole authorization shows the one before it: to its processes that is the user's doing.
      const wentAlong = before.chain !== record.chain && !verdicts.bench.remembers(record.grantId)
      if (wentAlong) owner.handed.delete(record.grantId)
      return
    }
    // On to another authorization: how far the old one was counts no more, should the store bring it back.
    if (owner.handed.get(record.grantId)?.chain !== record.chain) owner.handed.delete(record.grantId)
    const access = /"access_token":"([^"]+)"/.exec(record.secret)?.[1]
    owner.known.set(name, { chain: record.chain, generation: record.generation, access, state: record.state })
  }

  /** A question of a try. */
  function askFor<A extends { readonly status: string }>(
    step: 'acquire' | 'arm' | 'fail',
    key: GrantKey,
    question: () => Promise<A>,
    judge: (answer: A) => void = () => {},
  ): Promise<A> {
    const hear = (answer: A): void => {
      tries.heard(process, key, step, answer.status)
      learnFrom(key, answer)
      judge(answer)
    }
    return ask(key.provider, question, hear, storeTimeoutMs, () => tries.maybeHeard(process, key))
  }

  function forget(key: GrantKey): void {
    owner.known.delete(grantName(key))
    owner.handed.delete(key.grantId)
  }

  function learnFrom(key: GrantKey, answer: { readonly status: string }): void {
    if ('record' in answer) learn(answer.record as GrantRecord)
    else if (answer.status === 'missing') forget(key)
  }

  function stores(secret: string): void {
    const token = refreshTokenIn(secret)
    const whereabouts = token === undefined ? undefined : ledger.whereabouts.get(token)
    whereabouts?.asked.push({ process: owner.process, atMs: time.nowMs })
  }

  return {
    ...store,
    load: (key) =>
      ask(
        key.provider,
        () => store.load(key),
        (answer) => {
          if (!answer.record) forget(key)
          // A user's authorization looks at the grant without taking it over.
          else if (!owner.authorizing.get(key.grantId)) learn(answer.record)
        },
      ),
    save(request) {
      stores(request.secret)
      return ask(
        request.provider,
        () => store.save(request),
        (answer) => {
          if (answer.status === 'saved') learn(answer.record)
        },
      )
    },
    acquire(request) {
      owner.lookedAtMs.set(grantName(request), time.nowMs)
      tries.asks(process, request)
      const judge = judgeSettling(verdicts.bench, process, request)
      return askFor('acquire', request, () => store.acquire(request), judge)
    },
    arm: (request) => askFor('arm', request, () => store.arm(request)),
    fail: (request) => askFor('fail', request, () => store.fail(request)),
    async release(request) {
      await store.release(request).finally(() => tries.released(process, request, owner.closing))
    },
    commit(request) {
      // Core asks again soon, and hears the answer to its last question alone.
      const settleMs = verdicts.bench.providers.get(request.provider)?.timings.settleMs ?? 0
      const waitMs = 0.95 * Math.min(storeTimeoutMs, settleMs / 2.5)
      stores(request.next.secret)
      const askedAtMs = time.nowMs
      return ask(
        request.provider,
        () => store.commit(request),
        (answer) => {
          if (answer.status === 'committed' || time.nowMs - askedAtMs < waitMs) learnFrom(request, answer)
        },
        waitMs,
      )
    },
    claimDue: (request) => ask(request.provider, () => store.claimDue(request)),
    takeBudget(request) {
      // Each manager has its own idea of the store's clock: whose question was it?
      const provider = [...facts.values()].find(({ budgetKey }) => budgetKey === request.bucket)?.id ?? ''
      return ask(
        provider,
        () => store.takeBudget(request),
        (answer) => {
          if (answer.status === 'wait') tries.toldToWait(process, provider, answer.untilMs - answer.nowMs)
        },
      )
    },
    penalize(request) {
      owner.silencedAtMs.set(request.bucket, time.nowMs)
      return store.penalize(request)
    },
    remove: (request) =>
      ask(
        request.provider,
        () => store.remove(request),
        ({ record }) => {
          if (record) forget(request)
        },
      ),
  }
}
