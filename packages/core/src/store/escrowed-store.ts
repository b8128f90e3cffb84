import { checkNumber } from '../check-options.js'
import { type Clock, systemClock } from '../time/clock.js'
import type {
  AcquireAnswer,
  CommitRequest,
  GrantLink,
  GrantRecord,
  SaveRequest,
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
   * @throws EvergrantError `STORE_UNAVAILABLE`
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

/** The `provider` under which the local store of {@link escrowed} keeps what is in escrow: for re-sealing it. */
export const ESCROW_PROVIDER = 'evergrant escrow'

/** What lies in escrow: the very request that the remote store shall get. */
type Held =
  | { readonly kind: 'commit'; readonly request: CommitRequest }
  | { readonly kind: 'save'; readonly request: SaveRequest }

/**
 * Closes the gap between reading a successor and the remote commit: it is written to `local`, a durable store on
 * this machine's disk (such as `sqliteStore`), first. Every process of the machine that shares `local` stores what
 * another one left behind, at the first use of the grant; nobody waits for the lease of a process that died.
 *
 * A successor stays in escrow until the next one is stored, so that a remote store that forgets its last writes
 * (a failover) gets them back. Survives `kill -9` from the moment at which `local` has answered; before that lie
 * the milliseconds between socket and disk.
 *
 * When `local` fails or does not answer within `waitMs`, the remote store is written all the same: then the gap is
 * open, and nothing is worse.
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

  /** Two places for each grant: generation n lies safe while n + 1 is on its way. */
  const place = ({ provider, grantId, generation }: GrantLink): { provider: string; grantId: string } => ({
    provider: ESCROW_PROVIDER,
    grantId: JSON.stringify([provider, grantId, generation % 2]),
  })

  /** A new chain for each state: the local store treats a repeated chain as a repeated save. */
  function nameOf(held: Held, state: 'held' | 'stored'): string {
    const { chain, attempt, generation } = placeOf(held)
    return `${chain} ${generation} ${attempt} ${state}`
  }

  /**
   * `renewAtMs` makes what is not yet stored findable by the local store's index. Each goes only where it finds what
   * it expects: one that a slow disk takes late must not cover the successor of another process, or after the next.
   *
   * @param expected - name of what lies there, `null`: nothing
   * @returns whether it was taken
   */
  async function write(held: Held, state: 'held' | 'stored', expected: string | null): Promise<boolean> {
    const { generation } = placeOf(held)
    const { status } = await local.save({
      ...place({ ...held.request, generation }),
      chain: nameOf(held, state),
      expectedChain: expected,
      generation: 1,
      secret: JSON.stringify(held),
      expiresAtMs: null,
      renewAtMs: state === 'stored' ? null : 0,
    })
    return status === 'saved'
  }

  const mark = (held: Held): Promise<boolean> => write(held, 'stored', nameOf(held, 'held'))

  /** Over whatever lies there, unless it came there while this was on its way and nobody waits any more. */
  async function hold(held: Held, isAwaited: () => boolean): Promise<void> {
    const { generation } = placeOf(held)
    do {
      const { record } = await local.load(place({ ...held.request, generation }))
      if (await write(held, 'held', record?.chain ?? null)) return
    } while (isAwaited())
  }

  /** The remote store has something newer. Nobody waits for the disk. */
  function drop(held: Held): void {
    const { generation } = placeOf(held)
    const where = place({ ...held.request, generation })
    local.remove({ ...where, expectedChain: nameOf(held, 'held') }).catch(() => {})
  }

  async function heldAt(link: GrantLink): Promise<Held | undefined> {
    const { record } = await local.load(place(link))
    return record && (JSON.parse(record.secret) as Held)
  }

  function markStored(held: Held): void {
    // Only spares a look at the next start; if it fails, that look finds it stored.
    mark(held).catch(() => {})
  }

  /** Whether the remote store took it. */
  async function bring(held: Held): Promise<boolean> {
    if (held.kind === 'commit') return (await remote.commit(held.request)).status === 'committed'
    // Whoever made this authorization may have been told that it failed, and have made another: that one wins.
    const { record } = await remote.load(held.request)
    if (record?.chain === held.request.chain) return false
    return (await remote.save(held.request)).status === 'saved'
  }

  /**
   * A local disk that fails, or a file that another process holds locked while it is frozen, must not keep the
   * successor from the remote store: others are waiting for it there, and not for ever.
   */
  async function holdIfPossible(held: Held): Promise<void> {
    let timer: unknown
    let isAwaited = true
    const late = new Promise<void>((resolve) => {
      timer = clock.setTimeout(resolve, waitMs)
    })
    await Promise.race([hold(held, () => isAwaited).catch(() => {}), late])
    isAwaited = false
    clock.clearTimeout(timer)
  }

  /** The successor of this link, if a process of this machine read one and could not store it. */
  async function recoverSuccessor(link: GrantLink): Promise<Timed<{ record: GrantRecord }> | undefined> {
    const held = await heldAt({ ...link, generation: link.generation + 1 })
    if (held?.kind !== 'commit') return undefined
    const { chain, generation } = held.request
    if (chain !== link.chain || generation !== link.generation) return undefined
    const answer = await remote.commit(held.request)
    if (answer.status === 'missing') return undefined
    if (answer.status === 'committed') markStored(held)
    return { record: answer.record, nowMs: answer.nowMs }
  }

  return {
    async load(key) {
      const answer = await remote.load(key)
      if (!answer.record) return answer
      return (await recoverSuccessor(answer.record)) ?? answer
    },

    async save(request) {
      const held: Held = { kind: 'save', request }
      await holdIfPossible(held)
      const answer = await remote.save(request)
      if (answer.status === 'saved') markStored(held)
      else drop(held)
      return answer
    },

    async acquire(request) {
      const answer: Timed<AcquireAnswer> = await remote.acquire(request)
      if (answer.status !== 'acquired' && answer.status !== 'busy') return answer
      // Also while another holds the lease: if it died, its successor is here; if it lives, this is its own commit.
      const recovered = await recoverSuccessor(request)
      return recovered ? { status: 'superseded', ...recovered } : answer
    },

    async commit(request) {
      const held: Held = { kind: 'commit', request }
      await holdIfPossible(held)
      const answer = await remote.commit(request)
      if (answer.status === 'committed') markStored(held)
      else drop(held)
      return answer
    },

    async remove(request) {
      const removed = await remote.remove(request)
      // Another chain than the expected one keeps what is in escrow for it.
      if (!removed.record && request.expectedChain !== undefined) return removed
      for (const generation of [0, 1]) await local.remove(place({ ...request, chain: '', generation }))
      return removed
    },

    async recover() {
      let brought = 0
      for (;;) {
        const { keys } = await local.claimDue({
          provider: ESCROW_PROVIDER,
          beforeMs: 0,
          limit: 100,
          holdMs: 60_000,
        })
        for (const key of keys) {
          const { record } = await local.load(key)
          if (!record) continue
          const held = JSON.parse(record.secret) as Held
          if (await bring(held)) brought += 1
          await mark(held)
        }
        if (keys.length < 100) return brought
      }
    },

    arm: (request) => remote.arm(request),
    release: (request) => remote.release(request),
    fail: (request) => remote.fail(request),
    replaceSecret: (request) => remote.replaceSecret(request),
    takeBudget: (request) => remote.takeBudget(request),
    penalize: (request) => remote.penalize(request),
    claimDue: (request) => remote.claimDue(request),
    list: (request) => remote.list(request),
    ...(remote.watch && { watch: (watcher) => remote.watch?.(watcher) as Promise<() => Promise<void>> }),
  }
}

function placeOf(held: Held): { chain: string; attempt: string; generation: number } {
  const { chain, generation } = held.request
  return held.kind === 'commit'
    ? { chain, attempt: held.request.attempt, generation: generation + 1 }
    : { chain, attempt: 'save', generation }
}
