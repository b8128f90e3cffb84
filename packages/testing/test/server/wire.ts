import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '@evergrant/testing'
import { onTestFinished } from 'vitest'

/** Starts a server that this test closes. */
export async function serve(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const server = await startAuthorizationServer(options)
  onTestFinished(() => server.close())
  return server
}

/** POSTs parameters to the token endpoint as JSON with the client's own id and secret. */
export function postToken(
  server: AuthorizationServer,
  parameters: Readonly<Record<string, string>>,
  init: RequestInit = {},
): Promise<Response> {
  const { clientId: client_id, clientSecret: client_secret } = server
  return fetch(server.tokenEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_id, client_secret, ...parameters }),
    redirect: 'manual',
    ...init,
  })
}

/** The same, form-encoded. */
export function postTokenForm(
  server: AuthorizationServer,
  parameters: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { clientId: client_id, clientSecret: client_secret } = server
  const body = new URLSearchParams({ client_id, client_secret, ...parameters })
  return fetch(server.tokenEndpoint, { method: 'POST', body, headers })
}

/** Presents a refresh token. */
export function refresh(
  server: AuthorizationServer,
  refresh_token: string,
  init?: RequestInit,
): Promise<Response> {
  return postToken(server, { grant_type: 'refresh_token', refresh_token }, init)
}

/** Calls the API with a token. */
export function callApi(
  server: AuthorizationServer,
  accessToken: string,
  init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(server.apiUrl, {
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${accessToken}` },
  })
}

export interface Pair {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
  readonly token_type?: string
}

/** Presents a refresh token that must be accepted. */
export async function refreshed(server: AuthorizationServer, refreshToken: string): Promise<Pair> {
  const response = await refresh(server, refreshToken)
  if (response.status !== 200) throw new Error(`refused: ${response.status}`)
  return (await response.json()) as Pair
}
