import { EvergrantError, type TokenStore } from '@evergrant/core'

type Step = Exclude<keyof TokenStore, 'watch'>

/** One call of one step, held before or after the store did it. */
export interface StoreGate {
  /** Resolves when the call is there. */
  readonly arrived: Promise<void>
  open(): void
}

/** One process's view of a shared store: its calls can be held one by one, or refused as if the store were away. */
export interface GatedStore extends TokenStore {
  /** `every`: not only the next call, but all that come until the gate opens. */
  hold(step: Step, when: 'before' | 'after', every?: 'every'): StoreGate
  /** While true every step is refused. */
  away: boolean
}

export function gatedStore(store: TokenStore): GatedStore {
  const gates: {
    step: Step
    when: 'before' | 'after'
    every: boolean
    pass: () => Promise<void>
  }[] = []

  function hold(step: Step, when: 'before' | 'after', every?: 'every'): StoreGate {
    let open = (): void => {}
    let arrive = (): void => {}
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    gates.push({
      step,
      when,
      every: every !== undefined,
      pass() {
        arrive()
        return opened
      },
    })
    return { arrived, open }
  }

  async function at(step: Step, when: 'before' | 'after'): Promise<void> {
    const index = gates.findIndex((gate) => gate.step === step && gate.when === when)
    const gate = gates[index]
    if (gate && !gate.every) gates.splice(index, 1)
    await gate?.pass()
    if (when === 'before' && gated.away) throw new EvergrantError('STORE_UNAVAILABLE', 'The store is away')
  }

  const gated = new Proxy({ away: false, hold } as GatedStore, {
    get(own, name: string) {
      if (name in own) return own[name as keyof GatedStore]
      const value = store[name as Step] as ((request: never) => Promise<unknown>) | undefined
      if (value === undefined || name === 'watch') return value
      return async (request: never) => {
        await at(name as Step, 'before')
        const answer = await value.call(store, request)
        await at(name as Step, 'after')
        return answer
      }
    },
  })
  return gated
}
