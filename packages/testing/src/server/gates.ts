import type { RequestTraits } from './request-traits.js'

/**
 * Where a request is held: before the server looked at it, between finding a refresh token good and spending it
 * (tokens only; what passes here spends without looking again, as servers do whose check is not atomic), or after
 * it was processed and before the first byte of the reply.
 */
export type GateWhen = 'before' | 'between' | 'after'

/** Which requests a gate holds; absent fields match anything. */
export interface GateOptions {
  /** @defaultValue `'token'` */
  readonly path?: 'token' | 'api' | 'revoke'
  /** @defaultValue `'before'` */
  readonly when?: GateWhen
  readonly grantType?: string
  readonly clientId?: string
  readonly family?: string
}

/**
 * Holds requests, so that a race is forced instead of slept for.
 *
 * A held request stays held when its client gives up: it is processed when the gate opens, late, as on a real server.
 */
export interface Gate {
  /** Resolves when `count` requests in total have come to the gate. @defaultValue 1 */
  arrived(count?: number): Promise<void>
  /** Lets through the `count` that wait longest; the gate stays shut. */
  pass(count: number): void
  /** Lets everything through from now on. */
  open(): void
  /** Requests waiting now. */
  waiting(): number
}

type Pass = 'pass' | 'drop'

export interface Gates {
  create(options?: GateOptions): Gate
  hold(traits: RequestTraits, when: GateWhen): Promise<Pass>
  /** Whether a gate would hold this request. */
  concern(traits: RequestTraits, when: GateWhen): boolean
  /** Drops whatever waits and lets nothing wait again. */
  close(): void
}

/** Makes the gates of one server. */
export function createGates(): Gates {
  const gates = new Set<{ matches(traits: RequestTraits, when: GateWhen): boolean; wait(): Promise<Pass> }>()
  const dropAll = new Set<() => void>()
  let closed = false

  function create(options: GateOptions = {}): Gate {
    const { path = 'token', when = 'before', grantType, clientId, family } = options
    if (when === 'between' && path !== 'token') {
      throw new TypeError("gate: only token requests come to 'between'")
    }
    let count = 0
    const queue: ((pass: Pass) => void)[] = []
    const watchers = new Set<{ count: number; resolve: () => void }>()
    const releaseFirst = (n: number, pass: Pass): void => {
      for (const resume of queue.splice(0, n)) resume(pass)
    }
    const gate = {
      matches: (traits: RequestTraits, at: GateWhen) =>
        traits.path === path &&
        at === when &&
        (grantType === undefined || grantType === traits.grantType) &&
        (clientId === undefined || clientId === traits.clientId) &&
        (family === undefined || family === traits.family),
      wait() {
        const held = new Promise<Pass>((resolve) => queue.push(resolve))
        count += 1
        for (const watcher of watchers) {
          if (count < watcher.count) continue
          watchers.delete(watcher)
          watcher.resolve()
        }
        return held
      },
    }
    const drop = (): void => releaseFirst(queue.length, 'drop')
    if (!closed) gates.add(gate)
    dropAll.add(drop)
    return {
      arrived: (wanted = 1) =>
        count >= wanted
          ? Promise.resolve()
          : new Promise((resolve) => void watchers.add({ count: wanted, resolve })),
      pass: (n) => releaseFirst(n, 'pass'),
      open() {
        gates.delete(gate)
        dropAll.delete(drop)
        releaseFirst(queue.length, 'pass')
      },
      waiting: () => queue.length,
    }
  }

  return {
    create,
    async hold(traits, when) {
      const shutNow = [...gates]
      for (const gate of shutNow) {
        if (gates.has(gate) && gate.matches(traits, when) && (await gate.wait()) === 'drop') return 'drop'
      }
      return closed ? 'drop' : 'pass'
    },
    concern: (traits, when) => [...gates].some((gate) => gate.matches(traits, when)),
    close() {
      closed = true
      gates.clear()
      for (const drop of dropAll) drop()
      dropAll.clear()
    },
  }
}
