import type { TokenStore } from '@evergrant/core'

/** What this process does at the store, seen from outside through the store's own contract. */
export interface DrilledStore {
  readonly store: TokenStore
  holdsLease(): boolean
  /** The last answer was that another process holds the lease. */
  isWaiting(): boolean
  /**
   * From now on no refresh token leaves this process. Resolves when none is under way any more: whatever was
   * armed has been stored, refused or given up. Only then may the process be killed: a successor that was read
   * and not yet stored would be lost with it (C11 in docs/rotation.md), and no client can help that.
   */
  ceaseFire(): Promise<void>
  /** Resolves when, after `ceaseFire`, a rotation stands before its send with the lease in hand. */
  readonly stoppedBeforeSend: Promise<void>
}

export function drilledStore(inner: TokenStore, onChange: () => void): DrilledStore {
  const leases = new Set<string>()
  const armed = new Set<string>()
  const onDisarmed = new Set<() => void>()
  const gate = deferred()
  let ceased = false
  let waiting = false

  function ended(attempt: string): void {
    leases.delete(attempt)
    armed.delete(attempt)
    if (armed.size === 0) for (const tell of onDisarmed) tell()
    onChange()
  }

  const store: TokenStore = {
    ...inner,
    async acquire(request) {
      const answer = await inner.acquire(request)
      if (answer.status === 'acquired') leases.add(request.attempt)
      else leases.delete(request.attempt)
      waiting = answer.status === 'busy'
      onChange()
      return answer
    },
    async arm(request) {
      if (ceased) {
        gate.resolve()
        // The process is killed here; if not, the lease ends and the rotation gives up without having sent.
        return new Promise(() => {})
      }
      armed.add(request.attempt)
      const answer = await inner.arm(request)
      if (answer.status !== 'armed') ended(request.attempt)
      return answer
    },
    async commit(request) {
      const answer = await inner.commit(request)
      ended(request.attempt)
      return answer
    },
    async fail(request) {
      const answer = await inner.fail(request)
      ended(request.attempt)
      return answer
    },
    async release(request) {
      await inner.release(request).finally(() => ended(request.attempt))
    },
  }

  return {
    store,
    holdsLease: () => leases.size > 0,
    isWaiting: () => waiting,
    async ceaseFire() {
      ceased = true
      if (armed.size > 0) await new Promise<void>((resolve) => onDisarmed.add(resolve))
    },
    stoppedBeforeSend: gate.promise,
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
