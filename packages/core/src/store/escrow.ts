import type { CommitRequest, GrantLink, SaveRequest, TokenStore } from './token-store.js'

/** The `provider` under which the local store of `escrowed` keeps what is in escrow: for re-sealing it. */
export const ESCROW_PROVIDER = 'evergrant escrow'

/** What lies in escrow: the very request that the remote store shall get. */
export type Held = HeldCommit | { readonly kind: 'save'; readonly request: SaveRequest }

export interface HeldCommit {
  readonly kind: 'commit'
  readonly request: CommitRequest
  /** The refresh token that it replaces: a newer link may still hold it. */
  readonly spent?: string | undefined
}

/** Requests on this machine's disk, on their way to the remote store. */
export interface Escrow {
  /** Over whatever lies there, unless it came there while this was on its way and nobody waits any more. */
  hold(held: Held, isAwaited: () => boolean): Promise<void>
  /** What leads to this link, if it came by this machine. */
  at(link: GrantLink): Promise<Held | undefined>
  /** The remote store has it. It stays, should that one forget; the next start need not look at it. */
  mark(held: Held): Promise<boolean>
  /** The remote store has something newer. */
  drop(held: Held): Promise<unknown>
  /** The grant was removed. */
  clear(key: { readonly provider: string; readonly grantId: string }): Promise<void>
  /** What no remote store is known to have. */
  unstored(limit: number): Promise<readonly { readonly provider: string; readonly grantId: string }[]>
  read(place: { readonly provider: string; readonly grantId: string }): Promise<Held | undefined>
}

export function createEscrow(local: TokenStore): Escrow {
  /** Two places for each grant: generation n lies safe while n + 1 is on its way. */
  const place = ({ provider, grantId, generation }: Omit<GrantLink, 'chain'>) => ({
    provider: ESCROW_PROVIDER,
    grantId: JSON.stringify([provider, grantId, generation % 2]),
  })
  const placeOf = (held: Held) => place({ ...held.request, generation: pathOf(held).generation })

  /** A new chain for each state: the local store treats a repeated chain as a repeated save. */
  function nameOf(held: Held, state: 'held' | 'stored'): string {
    const { chain, attempt, generation } = pathOf(held)
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
    const { status } = await local.save({
      ...placeOf(held),
      chain: nameOf(held, state),
      expectedChain: expected,
      generation: 1,
      secret: JSON.stringify(held),
      expiresAtMs: null,
      renewAtMs: state === 'stored' ? null : 0,
    })
    return status === 'saved'
  }

  async function read(key: {
    readonly provider: string
    readonly grantId: string
  }): Promise<Held | undefined> {
    const { record } = await local.load(key)
    return record && (JSON.parse(record.secret) as Held)
  }

  return {
    async hold(held, isAwaited) {
      do {
        const { record } = await local.load(placeOf(held))
        if (await write(held, 'held', record?.chain ?? null)) return
      } while (isAwaited())
    },
    at: (link) => read(place(link)),
    mark: (held) => write(held, 'stored', nameOf(held, 'held')),
    drop: (held) => local.remove({ ...placeOf(held), expectedChain: nameOf(held, 'held') }),
    async clear(key) {
      for (const generation of [0, 1]) await local.remove(place({ ...key, generation }))
    },
    async unstored(limit) {
      const request = { provider: ESCROW_PROVIDER, beforeMs: 0, limit, holdMs: 60_000 }
      return (await local.claimDue(request)).keys
    },
    read,
  }
}

/** The link that it leads to, and by which attempt. */
function pathOf(held: Held): { chain: string; attempt: string; generation: number } {
  const { chain, generation } = held.request
  return held.kind === 'commit'
    ? { chain, attempt: held.request.attempt, generation: generation + 1 }
    : { chain, attempt: 'save', generation }
}
