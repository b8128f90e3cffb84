import type { OAuth2ProviderOptions } from '@evergrant/core'
import type { StoreAddress } from '../open-store.js'
import type { KeyTexts } from './keys.js'

/** To a process of the fleet. */
export type Order =
  | {
      readonly type: 'rotate'
      readonly store: StoreAddress
      readonly provider: OAuth2ProviderOptions
      readonly keys: KeyTexts
      readonly grants: number
    }
  | { readonly type: 'stop' }

/** From it. */
export type Message =
  | { readonly type: 'booted' }
  | { readonly type: 'rotating' }
  | { readonly type: 'stopped'; readonly report: WorkerReport }

export interface WorkerReport {
  readonly rotations: number
  /** Of a rotation, from the call to the token. */
  readonly longestMs: number
  /** By code and reason. */
  readonly failures: Readonly<Record<string, number>>
}

/** Sort as their numbers do. */
export const grantIdAt = (n: number): string => `grant-${String(n).padStart(7, '0')}`
