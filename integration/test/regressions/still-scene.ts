import {
  type Clock,
  createTokenManager,
  type ExchangeCodeOptions,
  memoryStore,
  oauth2Provider,
  type TokenManager,
  type TokenManagerOptions,
  type TokenStore,
} from '@evergrant/core'
import { type FakeClock, fakeClock } from '@evergrant/testing'

type Facts = Partial<Parameters<typeof oauth2Provider>[0]>

/** A token endpoint without a network. The body is read as on a standing connection: it waits for its release. */
export type Answer = (form: URLSearchParams) => Response | Promise<Response> | undefined

export const status = (code: number, headers: Record<string, string> = {}): Response =>
  new Response(null, { status: code, headers })

/** A manager in a time that moves only when told, so that hours pass in a moment and nothing else happens. */
export function stillScene(
  answer: Answer | undefined,
  facts: Facts = {},
  options: Partial<Omit<TokenManagerOptions, 'store'>> & {
    /** What the manager sees of the store. */
    readonly through?: (store: TokenStore, clock: FakeClock) => TokenStore
  } = {},
): { clock: FakeClock; store: TokenStore; tokens: TokenManager; bodies: URLSearchParams[] } {
  const { through, ...more } = options
  const clock = fakeClock()
  const store = memoryStore({ now: clock.now })
  const bodies: URLSearchParams[] = []
  const fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const form = new URLSearchParams(await new Response(init?.body).text())
    bodies.push(form)
    return answer?.(form) ?? pair(bodies.length)
  }
  const tokens = createTokenManager({
    provider: oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: 'https://as.example/token', ...facts }),
    store: through?.(store, clock) ?? store,
    clock: clock as Clock,
    fetch: fetch as typeof globalThis.fetch,
    ...more,
  })
  return { clock, store, tokens, bodies }
}

const pair = (n: number): Response =>
  Response.json({ access_token: `access ${n}`, refresh_token: `refresh ${n}`, expires_in: 3600 })

/** A grant of an hour. */
export const anHour = { access_token: 'first access', refresh_token: 'first', expires_in: 3600 }

/** A user who has just come back with a code. */
export const withCode: ExchangeCodeOptions = {
  callback: new URLSearchParams({ code: 'code', state: 's' }),
  state: 's',
  codeVerifier: 'x'.repeat(43),
  redirectUri: 'http://localhost/callback',
}

/** What a call has come to; `'pending'` while it has come to nothing. */
export function outcomeOf(call: Promise<unknown>): { readonly now: unknown } {
  const outcome: { now: unknown } = { now: 'pending' }
  call.then(
    (value) => {
      outcome.now = value ?? 'done'
    },
    (error: unknown) => {
      outcome.now = error
    },
  )
  return outcome
}
