import { EvergrantError } from '../errors.js'
import type {
  CommitRequest,
  GrantKey,
  GrantLink,
  GrantRecord,
  SaveRequest,
  TokenStore,
} from './token-store.js'

/** The `provider` under which the local store of `escrowed` keeps what is in escrow: for re-sealing it. */
export const ESCROW_PROVIDER = 'evergrant escrow'

/** What lies in escrow: the very request that the remote store shall get. */
export type Held = HeldCommit | HeldSave

interface HeldSave {
  readonly kind: 'save'
  readonly request: SaveRequest
}

export interface HeldCommit {
  readonly kind: 'commit'
  readonly request: CommitRequest
  /** The refresh token that it replaces: a newer link may still hold it. */
  readonly spent?: string | undefined
}

/** Requests on this machine's disk, on their way to the remote store. */
export interface Escrow {
  /**
   * Over whatever of its chain lies there, and beside what of another it does not replace; unless that came there on
   * the way and nobody waits any more.
   */
  hold(held: Held, isAwaited: () => boolean): Promise<'alone' | 'beside' | 'not'>
  /** What leads to this link, if it came by this machine. */
  at(link: GrantLink): Promise<Held | undefined>
  /** The authorization that replaced this chain, if it was the grant's latest and came by this machine. */
  replacing(link: GrantLink): Promise<HeldSave | undefined>
  /**
   * The remote store has it. It stays, should that one forget; the next start need not look at it.
   *
   * @returns what of another chain lies in its place, and no store is known to have
   */
  mark(held: Held): Promise<Held | undefined>
  /** The remote store has something newer. Answers whether it still lay here as what no store is known to have. */
  drop(held: Held): Promise<boolean>
  /** The grant was removed, when this chain was stored. */
  clear(key: GrantKey, chain: string | undefined): Promise<void>
  /** What no remote store is known to have. */
  unstored(limit: number): Promise<readonly GrantKey[]>
  read(place: GrantKey): Promise<Held | undefined>
}

export function createEscrow(local: TokenStore): Escrow {
  /** Two places for each grant: generation n lies safe while n + 1 is on its way. */
  const place = ({ provider, grantId, generation }: Omit<GrantLink, 'chain'>) => ({
    provider: ESCROW_PROVIDER,
    grantId: JSON.stringify([provider, grantId, generation % 2]),
  })

  /** Nobody here knows which of two chains is newer: until the store has taken one of another, it lies beside. */
  const beside = ({ provider, grantId, chain, generation }: GrantLink) => ({
    provider: ESCROW_PROVIDER,
    grantId: JSON.stringify([provider, grantId, generation % 2, chain]),
  })

  /** A new chain for each state: the local store treats a repeated chain as a repeated save. */
  function nameOf(held: Held, state: 'held' | 'stored'): string {
    const { chain, attempt, generation } = linkTo(held)
    return `${chain} ${generation} ${attempt} ${state}`
  }

  /**
   * `renewAtMs` makes what is not yet stored findable by the local store's index. Each goes only where it finds what
   * it expects: one that a slow disk takes late must not cover the successor of another process, or after the next.
   *
   * @param expected - name of what lies there, `null`: nothing
   * @returns whether it was taken
   */
  async function write(
    where: GrantKey,
    held: Held,
    state: 'held' | 'stored',
    expected: string | null,
  ): Promise<boolean> {
    const { status } = await local.save({
      ...where,
      chain: nameOf(held, state),
      expectedChain: expected,
      generation: 1,
      secret: JSON.stringify(held),
      expiresAtMs: null,
      renewAtMs: state === 'stored' ? null : 0,
    })
    return status === 'saved'
  }

  async function read(where: GrantKey): Promise<Held | undefined> {
    const { record } = await local.load(where)
    return record && heldIn(record)
  }

  async function removeFrom(where: GrantKey, held: Held): Promise<boolean> {
    const { record } = await local.remove({ ...where, expectedChain: nameOf(held, 'held') })
    return record !== undefined
  }

  async function replacing(link: GrantLink): Promise<HeldSave | undefined> {
    const held = await read(place({ ...link, generation: 1 }))
    const { chain } = link
    // One that was saved twice, as its first answer was lost, replaces itself.
    return held?.kind === 'save' && held.request.expectedChain === chain && held.request.chain !== chain
      ? held
      : undefined
  }

  /** What lay beside another chain's, and was taken by the store, is what that one would have to be given back. */
  async function moveIn(held: Held): Promise<Held | undefined> {
    const link = linkTo(held)
    const { record: mine } = await local.load(beside(link))
    if (mine?.chain !== nameOf(held, 'held')) return undefined
    const { record: there } = await local.load(place(link))
    if (there && isUnstored(there)) return heldIn(there)
    if (!(await replacing(link))) await write(place(link), held, 'stored', there?.chain ?? null)
    await removeFrom(beside(link), held)
    return undefined
  }

  return {
    async hold(held, isAwaited) {
      const link = linkTo(held)
      do {
        const { record: there } = await local.load(place(link))
        const isOther = there !== undefined && linkTo(heldIn(there)).chain !== link.chain
        // An authorization replaces whatever is stored, and is looked for in its place.
        const isBeside = isOther && (held.kind === 'commit' || isUnstored(there))
        const where = isBeside ? beside(link) : place(link)
        const before = isBeside ? (await local.load(where)).record : there
        if (await write(where, held, 'held', before?.chain ?? null)) return isBeside ? 'beside' : 'alone'
      } while (isAwaited())
      return 'not'
    },
    async at(link) {
      for (const where of [place(link), beside(link)]) {
        const held = await read(where)
        if (held && linkTo(held).chain === link.chain) return held
      }
      return undefined
    },
    replacing,
    async mark(held) {
      const isMarked = await write(place(linkTo(held)), held, 'stored', nameOf(held, 'held'))
      return isMarked ? undefined : moveIn(held)
    },
    async drop(held) {
      const link = linkTo(held)
      const lay = await removeFrom(place(link), held)
      return (await removeFrom(beside(link), held)) || lay
    },
    async clear(key, chain) {
      for (const generation of [0, 1]) {
        await local.remove(place({ ...key, generation }))
        if (chain !== undefined) await local.remove(beside({ ...key, chain, generation }))
      }
    },
    async unstored(limit) {
      const request = { provider: ESCROW_PROVIDER, beforeMs: 0, limit, holdMs: 60_000 }
      return (await local.claimDue(request)).keys
    },
    read,
  }
}

/** @throws EvergrantError `STORE_UNUSABLE` when it was damaged, or was sealed: the parser's own error may quote it */
function heldIn({ secret }: GrantRecord): Held {
  try {
    return JSON.parse(secret) as Held
  } catch {
    const message = 'What lies in escrow on this machine cannot be read'
    throw new EvergrantError('STORE_UNUSABLE', message, { reason: 'unreadable_secret' })
  }
}

const isUnstored = ({ renewAtMs }: GrantRecord): boolean => renewAtMs !== null

/** The link that it leads to, and by which attempt. */
function linkTo(held: Held): GrantLink & { readonly attempt: string } {
  const { provider, grantId, chain, generation } = held.request
  return held.kind === 'commit'
    ? { provider, grantId, chain, attempt: held.request.attempt, generation: generation + 1 }
    : { provider, grantId, chain, attempt: 'save', generation }
}
