import { createHash } from 'node:crypto'
import type { CommitRequest, GrantLink, TokenStore } from '@evergrant/core'
import type { JournalLine, Step } from './messages.js'
import type { Layers } from './open-store.js'

type Untimed<T> = T extends unknown ? Omit<T, 't'> : never

/** What a worker tells of each step before it goes on. */
export interface Testimony {
  readonly now: () => number
  /** On the disk's side of `kill -9` when it returns. */
  write(line: Untimed<JournalLine>): void
  /** Here the worker may have been told to strike itself. */
  reached(step: Step): void
}

/** The same name that the server's ledger gives a token: it cannot be got back from it. */
function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 12)
}

function refreshTokenOf(secret: string): string {
  const { refresh_token: token } = JSON.parse(secret) as { refresh_token?: string }
  return fingerprint(token ?? '')
}

/** Looks on from outside everything: what core asks for and when it goes on. */
export function witnessed(inner: TokenStore, tell: Testimony): TokenStore {
  /** Which token each link sends. */
  const held = new Map<string, { readonly token: string; readonly lookedMs: number }>()
  const keyOf = ({ grantId, chain, generation }: GrantLink): string => `${grantId} ${chain} ${generation}`

  return {
    ...inner,
    async acquire(request) {
      const lookedMs = tell.now()
      const answer = await inner.acquire(request)
      if (answer.status === 'acquired') {
        held.set(keyOf(request), { token: refreshTokenOf(answer.record.secret), lookedMs })
        note('acquired', request)
        tell.reached('acquired')
      }
      return answer
    },
    async arm(request) {
      const askedMs = tell.now()
      note('arming', request)
      tell.reached('arming')
      const answer = await inner.arm(request)
      if (answer.status === 'armed') {
        const { token = '', lookedMs = askedMs } = held.get(keyOf(request)) ?? {}
        tell.write({ e: 'armed', token, lookedMs, askedMs })
        tell.reached('armed')
      } else note(`not armed: ${answer.status}`, request)
      return answer
    },
    async commit(request) {
      tell.write({ e: 'read', successor: refreshTokenOf(request.next.secret) })
      tell.reached('read')
      return inner.commit(request)
    },
    async release(request) {
      note(`releasing: ${request.outcome}`, request)
      return inner.release(request)
    },
    async fail(request) {
      const answer = await inner.fail(request)
      note(`fail: ${answer.status}`, request)
      return answer
    },
  }

  function note(text: string, { grantId, generation, attempt }: GrantLink & { attempt: string }): void {
    tell.write({ e: 'note', text: `${text} ${grantId} ${generation} ${attempt.slice(0, 6)}` })
  }
}

/** Looks on from inside: what the shared store and the escrow have answered. */
export function innerWitnesses(tell: Testimony): Layers {
  return {
    shared: (inner) => ({
      ...inner,
      async commit(request) {
        const answer = await inner.commit(request)
        if (answer.status === 'committed') {
          tell.write({ e: 'stored', successor: refreshTokenOf(request.next.secret) })
          tell.reached('stored')
        }
        return answer
      },
    }),
    escrow: (inner) => ({
      ...inner,
      async save(request) {
        const answer = await inner.save(request)
        const held = JSON.parse(request.secret) as { kind: string; request: CommitRequest }
        // The second save only remarks that the shared store has it.
        if (held.kind === 'commit' && request.chain.endsWith(' held')) {
          tell.write({ e: 'escrowed', successor: refreshTokenOf(held.request.next.secret) })
          tell.reached('escrowed')
        }
        return answer
      },
    }),
  }
}
