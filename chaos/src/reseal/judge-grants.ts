import { isEvergrantError, type TokenStore } from '@evergrant/core'
import { patiently } from './patiently.js'

/** What became of all grants, seen with the new key alone. */
export interface GrantsFound {
  /** Gone, marked dead, or with another refresh token than the one their server would take next. */
  readonly lost: readonly string[]
  /** As the lost ones, but with an attempt open or lost: nobody read the reply in time, which no store can help. */
  readonly unknown: readonly string[]
  readonly unreadable: number
}

const AT_ONCE = 16

/** Compares every record with what its server has issued last. */
export async function judgeGrants(
  store: TokenStore,
  provider: string,
  latest: ReadonlyMap<string, string>,
  fingerprint: (token: string) => string,
): Promise<GrantsFound> {
  const lost: string[] = []
  const unknown: string[] = []
  let unreadable = 0
  const ids = [...latest.keys()]

  async function look(grantId: string): Promise<void> {
    try {
      const { record } = await patiently(() => store.load({ provider, grantId }))
      const { refresh_token: token } = JSON.parse(record?.secret ?? '{}') as { refresh_token?: string }
      const isLatest = token !== undefined && fingerprint(token) === latest.get(grantId)
      if (record?.state === 'live' && isLatest) return
      if (record?.state === 'live' && record.attempts.length > 0) unknown.push(grantId)
      else lost.push(grantId)
    } catch (error) {
      if (!isEvergrantError(error, 'STORE_UNUSABLE')) throw error
      unreadable += 1
      lost.push(grantId)
    }
  }

  for (let i = 0; i < ids.length; i += AT_ONCE) await Promise.all(ids.slice(i, i + AT_ONCE).map(look))
  return { lost, unknown, unreadable }
}
