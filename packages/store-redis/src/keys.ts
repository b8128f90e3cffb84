import type { GrantKey } from '@evergrant/core'

/** How many parts the indexes have. Part of the layout: every process of a fleet must use the same. */
const bucketCount = 64

/** The indexes of one provider in one bucket: sorted sets by grant id, and what is due. */
export interface IndexKeys {
  /** Ids of the live and of the dead grants: every score is 0, so Redis keeps them in the order of their bytes. */
  readonly live: string
  readonly dead: string
  /** Ids of live grants that nobody has claimed, by the instant since when they are due. */
  readonly due: string
  /** Ids that a sweeper has claimed, by the end of the claim. */
  readonly claimed: string
}

/** The keys of one bucket of the request budget. */
export interface BudgetKeys {
  /** Ids of granted slots, by the instant they were granted. */
  readonly slots: string
  /** Who waits: member to number and instant. */
  readonly demands: string
  /** Nobody sends before this instant. */
  readonly blocked: string
}

/** Names of everything that this store keeps in Redis. */
export interface Keys {
  /** The indexes of all buckets, each of which may live on another node of a cluster. */
  readonly buckets: readonly ((provider: string) => IndexKeys)[]
  /** Which of {@link Keys.buckets} each grant belongs to. */
  byBucket(provider: string, grantIds: readonly string[]): ReadonlyMap<number, readonly string[]>
  grant(key: GrantKey): string
  /** What a step that changes the indexes declares: the grant, then its indexes. */
  grantAndIndexes(key: GrantKey): string[]
  budget(bucket: string): BudgetKeys
  /** The channel of all notices. */
  readonly channel: string
}

/**
 * Takes away what would end a part of a key, or open another hash tag. Glob characters need nothing: no key
 * is ever looked for by pattern.
 */
const part = (text: string): string =>
  text.replace(/[%:{}]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/** FNV-1a with a final mix; any function will do, as long as it never changes. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}

/**
 * All keys begin with the prefix. What one step touches shares one hash tag, so that a cluster keeps it on one
 * node: `evergrant:{17}:grant:passolution:agency-42` and its indexes `evergrant:{17}:due:passolution`.
 */
export function createKeys(prefix: string): Keys {
  const begin = part(prefix)
  const indexes = (bucket: number, provider: string): IndexKeys => {
    const name = (kind: string): string => `${begin}:{${bucket}}:${kind}:${part(provider)}`
    return {
      live: name('live'),
      dead: name('dead'),
      due: name('due'),
      claimed: name('claimed'),
    }
  }
  const bucketOf = ({ provider, grantId }: GrantKey): number =>
    hashOf(`${provider}\0${grantId}`) % bucketCount
  const grant = (key: GrantKey): string =>
    `${begin}:{${bucketOf(key)}}:grant:${part(key.provider)}:${key.grantId}`

  return {
    buckets: Array.from(
      { length: bucketCount },
      (_, bucket) => (provider: string) => indexes(bucket, provider),
    ),
    grant,
    byBucket(provider, grantIds) {
      const groups = new Map<number, string[]>()
      for (const grantId of grantIds) {
        const bucket = bucketOf({ provider, grantId })
        const group = groups.get(bucket)
        if (group) group.push(grantId)
        else groups.set(bucket, [grantId])
      }
      return groups
    },
    grantAndIndexes(key) {
      const { live, dead, due, claimed } = indexes(bucketOf(key), key.provider)
      return [grant(key), live, dead, due, claimed]
    },
    budget(bucket) {
      const name = (kind: string): string => `${begin}:{budget-${part(bucket)}}:${kind}`
      return { slots: name('slots'), demands: name('demands'), blocked: name('blocked') }
    },
    channel: `${begin}:changes`,
  }
}
