import { type Keyring, keyring, type SealedStore, sealed, type TokenStore } from '@evergrant/core'
import { loadOpener, type OpenedStore, type StoreAddress } from '../open-store.js'

const KEYS = ['old', 'new'] as const
export type KeyName = (typeof KEYS)[number]

/** Text, as it comes from an environment. */
export type KeyTexts = Readonly<Record<KeyName, string>>

function ringOf(texts: KeyTexts, current: KeyName, known: readonly KeyName[]): Keyring {
  return keyring({ current, keys: known.map((kid) => ({ kid, key: texts[kid] })) })
}

export interface OpenedSealed extends OpenedStore {
  readonly shared: SealedStore
  /** The machine's own, where the store has one. */
  readonly escrow: SealedStore | undefined
}

/** The store and its escrow, sealed with these keys and no others. */
export async function openSealed(
  address: StoreAddress,
  texts: KeyTexts,
  current: KeyName,
  options: {
    readonly known?: readonly KeyName[]
    /** Hears of every swap that `reseal()` tries. */
    readonly onSwap?: (status: string) => void
  } = {},
): Promise<OpenedSealed> {
  const { known = KEYS, onSwap } = options
  const open = await loadOpener(address.kind)
  const ring = ringOf(texts, current, known)
  const layers: SealedStore[] = []
  const seal = (store: TokenStore): SealedStore => {
    const made = sealed(
      {
        ...store,
        async replaceSecret(request) {
          const answer = await store.replaceSecret(request)
          onSwap?.(answer.status)
          return answer
        },
      },
      ring,
    )
    layers.push(made)
    return made
  }
  const opened = open(address, { shared: seal, escrow: seal })
  const [shared, escrow] = layers
  if (!shared) throw new Error('the store was opened without its seal')
  return { ...opened, shared, escrow }
}
