import type { AuthorizationServer, Client } from 'oauth4webapi'
import type { ProviderFacts } from '../provider/provider.js'

/** A request that is ready to leave: its body is one secret. */
export interface PreparedRequest {
  readonly url: string
  readonly headers: Headers
  readonly body: Uint8Array<ArrayBuffer>
}

/**
 * Writes a request to one of the provider's endpoints, authenticated as the client, in the format that it
 * understands.
 *
 * @see RFC 6749 sections 2.3, 4.1.3, 4.4.2 and 6
 */
export async function prepareRequest(
  facts: ProviderFacts,
  url: string,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<PreparedRequest> {
  const server: AuthorizationServer = { issuer: facts.issuer, token_endpoint: facts.tokenEndpoint }
  const client: Client = { client_id: facts.clientId }
  const fields = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) fields.set(name, value)
  const headers = new Headers({ accept: 'application/json' })
  await facts.clientAuthentication(server, client, fields, headers)
  const json = facts.requestFormat === 'json'
  headers.set('content-type', json ? 'application/json' : 'application/x-www-form-urlencoded;charset=UTF-8')
  const text = json ? JSON.stringify(Object.fromEntries(fields)) : fields.toString()
  return { url, headers, body: new TextEncoder().encode(text) }
}
