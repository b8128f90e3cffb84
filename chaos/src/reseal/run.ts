import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createTokenManager,
  ESCROW_PROVIDER,
  isEvergrantError,
  type OAuth2ProviderOptions,
  oauth2Provider,
  type ResealResult,
} from '@evergrant/core'
import { safetyNet } from '@evergrant/store-tests/safety-net'
import { type AuthorizationServer, fingerprint, startAuthorizationServer } from '@evergrant/testing'
import type { StoreAddress, StoreKind } from '../open-store.js'
import { hostStore } from '../store-host.js'
import { startRotating } from './fleet.js'
import { judgeGrants } from './judge-grants.js'
import { type KeyTexts, openSealed } from './keys.js'
import { grantIdAt } from './messages.js'
import { patiently } from './patiently.js'

export interface ResealRun {
  readonly store: StoreKind
  readonly grants: number
  readonly processes: number
  /** Sealed anew by `reseal()`; a rotation sealed the rest. */
  readonly resealed: number
  /** How often `reseal()` lost against a rotation. */
  readonly overtaken: number
  /** How often it was stopped and went on. */
  readonly interruptions: number
  readonly resealSeconds: number
  readonly rotations: number
  readonly rotationFailures: Readonly<Record<string, number>>
  readonly longestRotationMs: number
  readonly doubleSpends: number
  readonly familiesRevoked: number
  readonly grantsLost: number
  /** Replies that nobody read in time: the machine stood still. Their grants are kept, and held back. */
  readonly outcomesUnknown: number
  readonly unreadable: number
  /** Whether the old key could be retired: never before, always after. */
  readonly retirableBefore: boolean
  readonly retirableAfter: boolean
}

export interface ResealRunOptions {
  readonly store: StoreKind
  readonly grants: number
  readonly say: (line: string) => void
}

const PROVIDER = 'reseal'
const PROCESSES = 4
const SAVES_AT_ONCE = 16
/** As fast as the store lets it, which no runbook would do. */
const AT_FULL_SPEED = { perSecond: 1_000_000, concurrency: 16 }

/** Fills a store under the old key, changes it to the new one while a fleet rotates, and looks at every grant. */
export async function run({ store: kind, grants, say }: ResealRunOptions): Promise<ResealRun> {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-reseal-'))
  safetyNet.folder(folder)
  const keys = { old: randomBytes(32).toString('base64'), new: randomBytes(32).toString('base64') }
  const cleanups: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })]
  try {
    const host = await hostStore(kind, folder)
    cleanups.push(() => host.close())
    const server = await startAuthorizationServer({
      preset: 'oidcProvider',
      clients: [{ clientId: 'reseal', clientSecret: randomBytes(16).toString('hex') }],
    })
    cleanups.push(() => server.close())
    const { clientId, clientSecret, tokenEndpoint } = server
    const provider = { id: PROVIDER, clientId, clientSecret, tokenEndpoint, reuse: 'revokes-grant' } as const
    const latest = await fill(host.address, keys, provider, server, grants, say)
    const retirableBefore = await isRetirable(host.address, keys)

    const order = { type: 'rotate', store: host.address, provider, keys, grants } as const
    const fleet = await startRotating(PROCESSES, order)
    cleanups.push(() => fleet.kill())
    const change = await changeKey(host.address, keys, grants, say)
    const reports = await fleet.stop()

    for (const { grantId, token } of issued(server, latest.families)) latest.tokens.set(grantId, token)
    const onlyNew = await openSealed(host.address, keys, 'new', { known: ['new'] })
    const found = await judgeGrants(onlyNew.shared, PROVIDER, latest.tokens, fingerprint)
    await onlyNew.close()
    for (const grantId of found.lost.slice(0, 20)) say(`LOST: ${grantId}`)
    const failures: Record<string, number> = {}
    for (const report of reports)
      for (const [what, times] of Object.entries(report.failures))
        failures[what] = (failures[what] ?? 0) + times
    return {
      store: kind,
      grants,
      processes: PROCESSES,
      resealed: change.resealed,
      overtaken: change.overtaken,
      interruptions: change.interruptions,
      resealSeconds: change.seconds,
      rotations: reports.reduce((sum, { rotations }) => sum + rotations, 0),
      rotationFailures: failures,
      longestRotationMs: Math.max(...reports.map(({ longestMs }) => longestMs)),
      doubleSpends: server.ledger.doubleSpends().length,
      familiesRevoked: server.ledger.familiesRevoked().length,
      grantsLost: found.lost.length,
      outcomesUnknown: found.unknown.length,
      unreadable: change.unreadable + found.unreadable,
      retirableBefore,
      retirableAfter: await isRetirable(host.address, keys),
    }
  } finally {
    for (const clean of cleanups.reverse()) await clean()
  }
}

/** What each grant's server would take next, as fingerprints, and whose family is whose. */
interface Latest {
  readonly tokens: Map<string, string>
  readonly families: Map<string, string>
}

async function fill(
  address: StoreAddress,
  keys: KeyTexts,
  provider: OAuth2ProviderOptions,
  server: AuthorizationServer,
  grants: number,
  say: (line: string) => void,
): Promise<Latest> {
  const opened = await openSealed(address, keys, 'old')
  const tokens = createTokenManager({
    provider: oauth2Provider(provider),
    store: opened.shared,
    maxCachedGrants: 100,
  })
  const latest: Latest = { tokens: new Map(), families: new Map() }
  const beganMs = performance.now()
  for (let n = 1; n <= grants; n += SAVES_AT_ONCE) {
    const several = Array.from({ length: Math.min(SAVES_AT_ONCE, grants - n + 1) }, (_, i) =>
      grantIdAt(n + i),
    )
    await Promise.all(
      several.map(async (grantId) => {
        const reply = server.issueGrant({ sub: grantId })
        latest.tokens.set(grantId, fingerprint(reply.refresh_token))
        latest.families.set(server.familyOf(reply.refresh_token) ?? '', grantId)
        await patiently(() => tokens.saveGrant(grantId, reply))
      }),
    )
  }
  await tokens.close()
  await opened.close()
  say(`${grants} grants sealed with the old key in ${Math.round((performance.now() - beganMs) / 1000)} s`)
  return latest
}

interface KeyChange {
  readonly resealed: number
  readonly overtaken: number
  readonly unreadable: number
  readonly interruptions: number
  readonly seconds: number
}

/** The runbook's third step, stopped once in the middle as a deployment would. */
async function changeKey(
  address: StoreAddress,
  keys: KeyTexts,
  grants: number,
  say: (line: string) => void,
): Promise<KeyChange> {
  const swaps = { replaced: 0, changed: 0 } as Record<string, number>
  const onSwap = (status: string): void => {
    swaps[status] = (swaps[status] ?? 0) + 1
  }
  const opened = await openSealed(address, keys, 'new', { onSwap })
  const beganMs = performance.now()
  const seconds = (): number => Math.round(performance.now() - beganMs) / 1_000
  const stop = new AbortController()
  let after: string | undefined
  let interruptions = 0
  const all = { provider: PROVIDER, ...AT_FULL_SPEED }
  const interrupted = (): void => {
    interruptions += 1
  }
  const resealOn = (signal?: AbortSignal): Promise<ResealResult> =>
    opened.shared.reseal({
      ...all,
      after,
      signal,
      onProgress(progress) {
        after = progress.after
        if (progress.after >= grantIdAt(Math.ceil(grants / 2))) stop.abort(new Error('stopped in the middle'))
      },
    })
  try {
    await patiently(() => resealOn(stop.signal), interrupted)
  } catch (error) {
    if (!stop.signal.aborted) throw error
    interrupted()
  }
  say(`stopped at ${after} after ${seconds()} s`)
  const { unreadable } = await patiently(() => resealOn(), interrupted)
  await patiently(async () => opened.escrow?.reseal({ provider: ESCROW_PROVIDER, ...AT_FULL_SPEED }))
  const took = seconds()
  await opened.close()
  const { replaced: resealed = 0, changed: overtaken = 0 } = swaps
  return { resealed, overtaken, unreadable, interruptions, seconds: took }
}

async function isRetirable(address: StoreAddress, keys: KeyTexts): Promise<boolean> {
  const opened = await openSealed(address, keys, 'new')
  try {
    await patiently(() => opened.shared.assertRetirable('old', { provider: PROVIDER, ...AT_FULL_SPEED }))
    await patiently(async () =>
      opened.escrow?.assertRetirable('old', { provider: ESCROW_PROVIDER, ...AT_FULL_SPEED }),
    )
    return true
  } catch (error) {
    if (isEvergrantError(error, 'STORE_UNUSABLE') && error.reason === 'key_in_use') return false
    throw error
  } finally {
    await opened.close()
  }
}

function* issued(
  server: AuthorizationServer,
  families: ReadonlyMap<string, string>,
): Generator<{ grantId: string; token: string }> {
  for (const { decision, family, issuedRefreshToken } of server.ledger.tokenRequests()) {
    const grantId = families.get(family ?? '')
    if (decision === 'rotated' && grantId && issuedRefreshToken) yield { grantId, token: issuedRefreshToken }
  }
}
