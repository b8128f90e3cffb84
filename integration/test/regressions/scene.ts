import {
  createTokenManager,
  type EvergrantEvent,
  type ExchangeCodeOptions,
  type TokenManager,
  type TokenManagerOptions,
} from '@evergrant/core'
import type { AuthorizationServer } from '@evergrant/testing'
import { expect, onTestFinished, vi } from 'vitest'
import { type SmallFleet, startFleet } from '../small-fleet.js'

/** A fleet that is closed when the test is over. */
export async function openFleet(...options: Parameters<typeof startFleet>): Promise<SmallFleet> {
  const fleet = await startFleet(...options)
  onTestFinished(() => fleet.close())
  return fleet
}

/** A manager that is closed when the test is over; what its close reports is the matter of whoever asks for it. */
export function openManager(options: TokenManagerOptions): TokenManager {
  const tokens = createTokenManager(options)
  onTestFinished(() => tokens.close().catch(() => {}))
  return tokens
}

/** What the work came to, or `'late'` if it takes longer than this. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, ms, 'late')
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** For what must not happen: time enough that it would have. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until an event of this type was told. */
export async function eventOf(
  events: readonly EvergrantEvent[],
  type: EvergrantEvent['type'],
): Promise<void> {
  const types = (): string[] => events.map((event) => event.type)
  await vi.waitFor(() => expect(types()).toContain(type), { timeout: 10_000, interval: 5 })
}

/** A user who has just come back from the provider with a code. */
export function cameBack(server: AuthorizationServer): ExchangeCodeOptions {
  return {
    callback: new URLSearchParams({ code: server.issueCode(), state: 's' }),
    state: 's',
    codeVerifier: 'x'.repeat(43),
    redirectUri: 'http://localhost/callback',
  }
}
