import { checkNumber } from '../check-options.js'
import { holdsSpent, refreshTokenIn } from '../grant/grant-tokens.js'
import { type Clock, systemClock } from '../time/clock.js'
import { createEscrow, type Held, type HeldCommit } from './escrow.js'
import type {
  AcquireAnswer,
  CommitAnswer,
  GrantLink,
  GrantRecord,
  Superseded,
  Timed,
  TokenStore,
} from './token-store.js'

/** A remote store whose successors are on this machine's disk before they travel. */
export interface EscrowedStore extends TokenStore {
  /**
   * Brings what a process of this machine read, and could not store before it ended, into the remote store.
   * Happens by itself for every grant that is used; call it at start so that idle grants need not wait for that.
   *
   * @returns how many successors were stored
   * @throws EvergrantError `STORE_UNAVAILABLE`, `STORE_UNUSABLE` (what lies in `local` cannot be read)
   */
  recover(): Promise<number>
}

/** What {@link escrowed} takes besides the two stores. */
export interface EscrowOptions {
  /** How long the remote store waits for the local one, milliseconds; far below `settleMs`. @defaultValue 200 */
  readonly waitMs?: number
  /** @defaultValue the runtime's clock */
  readonly clock?: Clock
}

/** What `recover()` takes in hand at once. */
const AT_ONCE = 100

/**
 * Closes the gap between reading a successor and the remote commit: it is written to `local`, a durable store on
 * this machine's disk (such as `sqliteStore`), first. Every process of the machine that shares `local` stores what
 * another one left behind, at the first use of the grant; nobody waits for the lease of a process that died.
 *
 * A successor stays in escrow until the next one is stored, so that a remote store that forgets its last writes
 * (a failover) gets them back; so does an authorization that replaced another one, until its second rotation. A
 * grant that the store has no record of at all is not brought back: it may have been removed. All of it survives
 * `kill -9` from the moment at which `local` has answered; before that lie the milliseconds between socket and disk.
 *
 * When `local` fails or does not answer within `waitMs`, the remote store is written all the same: then the gap is
 * open, and nothing is worse. While `local` cannot be read, grants are handed out and not rotated on this machine: a
 * successor may lie there.
 *
 * Secrets lie in `local` as they come. To keep them sealed in both: `escrowed(sealed(remote, ring), sealed(local, ring))`.
 *
 * @param remote - where the fleet keeps its grants
 * @param local - a durable store on this machine; its file may be shared by all processes of the machine
 * @throws TypeError naming the option that is wrong
 */
export function escrowed(remote: TokenStore, local: TokenStore, options: EscrowOptions = {}): EscrowedStore {
  const { clock = systemClock } = options
  const waitMs = checkNumber('waitMs', options.waitMs ?? 200, { min: 0 })

  const escrow = createEscrow(local)
  /** What is being spent, by attempt, from the lease to what came of it. */
  const spending = new Map<string, string>()

  /** Nobody waits for the disk. */
  function drop(held: Held): void {
    escrow.drop(held).catch(() => {})
  }

  function markStored(held: Held): void {
    // Only spares a look at the next start; if it fails, that look finds it stored.
    mark(held).catch(() => {})
  }

  /** What somebody left in its place, of another chain, goes to the store first, or away. */
  async function mark(held: Held): Promise<void> {
    const left = await escrow.mark(held)
    if (!left) return
    const outcome = await bring(left)
    // Both stay where they are.
    if (outcome === 'too-early') return
    await (outcome === 'refused' ? escrow.drop(left) : escrow.mark(left))
    await escrow.mark(held)
  }

  /** Also onto a newer link, if that one still holds what was spent. */
  async function commitHeld({ request, spent }: HeldCommit): Promise<Timed<CommitAnswer>> {
    const answer = await remote.commit(request)
    if (answer.status !== 'superseded') return answer
    const { chain, generation } = answer.record
    const isNewer = chain === request.chain && generation > request.generation
    if (!isNewer || !holdsSpent(answer.record, spent, request.next)) return answer
    return commitHeld({ kind: 'commit', request: { ...request, generation }, spent })
  }

  /** Whether the remote store took it, has it, has something newer, or forgot what came before it. */
  async function bring(held: Held): Promise<'taken' | 'there' | 'refused' | 'too-early'> {
    if (held.kind === 'commit') {
      let answer = await commitHeld(held)
      // A store that forgot what led here gets that first, if it lies here too.
      const brought = answer.status === 'superseded' && (await recoverSuccessor(answer.record))
      if (brought) answer = await commitHeld(held)
      if (answer.status === 'committed') return 'taken'
      return isBehind(answer, held.request) ? 'too-early' : 'refused'
    }
    // Whoever made this authorization may have been told that it failed, and have made another: that one wins.
    const { record } = await remote.load(held.request)
    if (record?.chain === held.request.chain) return 'there'
    // Nor was a user told that it succeeded who authorized for the first time; and what was removed stays removed.
    if (!record) return 'refused'
    return (await remote.save(held.request)).status === 'saved' ? 'taken' : 'refused'
  }

  /** The store forgot links of this chain: nothing newer is there, and what is in escrow may be all there is. */
  function isBehind(answer: CommitAnswer, { chain, generation }: GrantLink): boolean {
    return (
      answer.status === 'superseded' && answer.record.chain === chain && answer.record.generation < generation
    )
  }

  /** Brings the authorization that replaced this chain into a store that forgot it. */
  async function authorizeAgain(link: GrantLink): Promise<boolean> {
    const held = await escrow.replacing(link)
    if (!held || (await bring(held)) === 'refused') return false
    markStored(held)
    return true
  }

  /**
   * What the disk answers, if it does. One that fails, or a file that another process holds locked while it is frozen,
   * must not keep the successor from the remote store: others are waiting for it there, and not for ever.
   */
  async function ifPossible<T>(ask: (isAwaited: () => boolean) => Promise<T>): Promise<T | undefined> {
    let timer: unknown
    let isAwaited = true
    const late = new Promise<undefined>((resolve) => {
      timer = clock.setTimeout(() => resolve(undefined), waitMs)
    })
    const answer = await Promise.race([ask(() => isAwaited).catch(() => undefined), late])
    isAwaited = false
    clock.clearTimeout(timer)
    return answer
  }

  const holdIfPossible = (held: Held) => ifPossible((isAwaited) => escrow.hold(held, isAwaited))

  /** Whether it is what this link's refresh token was spent for. */
  function succeeds(
    held: Held | undefined,
    link: GrantLink & { readonly secret?: string },
  ): held is HeldCommit {
    if (held?.kind !== 'commit' || held.request.chain !== link.chain) return false
    const { generation, next } = held.request
    if (generation === link.generation) return true
    const { secret } = link
    return generation < link.generation && secret !== undefined && holdsSpent({ secret }, held.spent, next)
  }

  /**
   * The successor of this link, if a process of this machine read one and could not store it.
   *
   * @param link - with its secret, one that followed an older link and replaces the same token is found too
   */
  async function recoverSuccessor(
    link: GrantLink & { readonly secret?: string },
  ): Promise<Timed<{ record: GrantRecord }> | undefined> {
    if (await authorizeAgain(link)) {
      const { record, nowMs } = await remote.load(link)
      if (!record || record.chain === link.chain) return undefined
      return (await recoverSuccessor(record)) ?? { record, nowMs }
    }
    for (const generation of [link.generation + 1, link.generation]) {
      const held = await escrow.at({ ...link, generation })
      if (!succeeds(held, link)) continue
      const answer = await commitHeld(held)
      if (answer.status === 'missing') return undefined
      if (answer.status === 'committed') markStored(held)
      return { record: answer.record, nowMs: answer.nowMs }
    }
    return undefined
  }

  /** Whoever is told of a newer link takes that over: it must not be older than what lies here. */
  async function newest<A extends { readonly status: string }>(answer: Timed<A | Superseded>) {
    if (!('record' in answer) || answer.status !== 'superseded') return answer
    const recovered = await recoverSuccessor(answer.record)
    return recovered ? ({ status: 'superseded', ...recovered } as const) : answer
  }

  return {
    async load(key) {
      const answer = await remote.load(key)
      const { record } = answer
      if (!record) return answer
      try {
        return (await recoverSuccessor(record)) ?? answer
      } catch (error) {
        // A look spends nothing: a disk that cannot be read hurts no token that works. Whoever wants to spend the other
        // one asks for the lease, and hears of it there.
        if (record.state === 'live') return answer
        throw error
      }
    },

    async save(request) {
      const held: Held = { kind: 'save', request }
      // A disk that was slow to say so may have it all the same.
      const mayBeHeld = (await holdIfPossible(held)) !== 'not'
      const answer = await remote.save(request)
      if (answer.status === 'saved') {
        // What is used from now on is looked for where it lies when it is marked.
        const left = await ifPossible(() => escrow.mark(held))
        if (left) markStored(held)
        return answer
      }
      const lay = await ifPossible(() => escrow.drop(held))
      // Another process of this machine brought it meanwhile, and then something newer came, over which it must not go.
      const wasBrought = mayBeHeld && lay === false && answer.status === 'superseded'
      return wasBrought ? { ...answer, status: 'saved' } : answer
    },

    async acquire(request) {
      const answer: Timed<AcquireAnswer> = await remote.acquire(request)
      spending.delete(request.attempt)
      if (answer.status !== 'acquired' && answer.status !== 'busy') return newest(answer)
      // Also while another holds the lease: if it died, its successor is here; if it lives, this is its own commit.
      const recovered = await recoverSuccessor(answer.status === 'acquired' ? answer.record : request)
      if (recovered) return { status: 'superseded', ...recovered }
      const token = answer.status === 'acquired' ? refreshTokenIn(answer.record) : undefined
      if (token !== undefined) spending.set(request.attempt, token)
      return answer
    },

    async commit(request) {
      const spent = spending.get(request.attempt)
      const held: Held = { kind: 'commit', request, spent }
      if ((await holdIfPossible(held)) === 'beside') {
        // The store may know nothing any more of the authorization that replaced this chain.
        const newer = await ifPossible(() => escrow.replacing(request))
        if (newer) await bring(newer)
      }
      let answer = await remote.commit(request)
      if (answer.status === 'superseded' && answer.record.chain !== request.chain) {
        // A disk that fails keeps no answer back.
        const isBack = await authorizeAgain(answer.record).catch(() => false)
        if (isBack) answer = await remote.commit(request)
      }
      // A newer link that still holds what was spent: ours follows that one, and comes once more.
      if (answer.status === 'superseded' && holdsSpent(answer.record, spent, request.next)) return answer
      // So it does when the store has its forgotten links back: until then it stays on the disk.
      if (isBehind(answer, request)) return answer
      spending.delete(request.attempt)
      if (answer.status === 'committed') markStored(held)
      else drop(held)
      return answer
    },

    async remove(request) {
      const removed = await remote.remove(request)
      // Another chain than the expected one keeps what is in escrow for it.
      if (!removed.record && request.expectedChain !== undefined) return removed
      await escrow.clear(request, removed.record?.chain)
      return removed
    },

    async recover() {
      let brought = 0
      for (;;) {
        const places = await escrow.unstored(AT_ONCE)
        for (const place of places) {
          const held = await escrow.read(place)
          if (!held) continue
          const outcome = await bring(held)
          if (outcome === 'taken') brought += 1
          if (outcome === 'refused') await escrow.drop(held)
          else if (outcome !== 'too-early') await mark(held)
        }
        if (places.length < AT_ONCE) return brought
      }
    },

    async arm(request) {
      const answer = await remote.arm(request)
      if (answer.status !== 'armed') spending.delete(request.attempt)
      return newest(answer)
    },
    release(request) {
      spending.delete(request.attempt)
      return remote.release(request)
    },
    async fail(request) {
      spending.delete(request.attempt)
      return newest(await remote.fail(request))
    },
    replaceSecret: (request) => remote.replaceSecret(request),
    takeBudget: (request) => remote.takeBudget(request),
    penalize: (request) => remote.penalize(request),
    claimDue: (request) => remote.claimDue(request),
    list: (request) => remote.list(request),
    ...(remote.watch && { watch: (watcher) => remote.watch?.(watcher) as Promise<() => Promise<void>> }),
  }
}
