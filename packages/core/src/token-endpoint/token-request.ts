import type { AuthorizationServer, Client } from 'oauth4webapi'
import type { ProviderFacts } from '../provider/provider.js'

/** A request that is ready to leave: its body is one secret. */
export interface PreparedRequest {
  readonly url: string
  readonly headers: Headers
  readonly body: Uint8Array<ArrayBuffer>
  /** Whether a text of the server repeats something secret of this request. */
  isEcho(text: string): boolean
}

/** What of a request may come back in a reply without anybody minding. */
const PUBLIC = new Set(['grant_type', 'token_type_hint', 'client_id', 'redirect_uri', 'scope'])

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
  const secrets = [...fields].filter(([name]) => !PUBLIC.has(name)).map(([, value]) => value)
  secrets.push(...credentialsIn(headers.get('authorization')))
  const json = facts.requestFormat === 'json'
  headers.set('content-type', json ? 'application/json' : 'application/x-www-form-urlencoded;charset=UTF-8')
  const text = json ? JSON.stringify(Object.fromEntries(fields)) : fields.toString()
  const body = new TextEncoder().encode(text)
  return { url, headers, body, isEcho: (reply) => quotesAny(reply, secrets) }
}

/**
 * As they stand there, and what Basic hides in them: the secret, encoded as RFC 6749 section 2.3.1 has it or not. An
 * application that authenticates its own way may have put anything there.
 */
function credentialsIn(authorization: string | null): readonly string[] {
  const [scheme = '', value = ''] = (authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'basic') return [value]
  const pair = orAsItIs(atob, value)
  const password = pair.slice(pair.indexOf(':') + 1)
  return [value, password, orAsItIs(decodeURIComponent, password.replaceAll('+', ' '))]
}

function orAsItIs(decode: (text: string) => string, text: string): string {
  try {
    return decode(text)
  } catch {
    return text
  }
}

/** Shorter pieces are found in anything; a piece of this length tells nobody the rest. */
const PIECE = 10

/** Also in parts, in another case, or with other characters in place of those that are no letters and digits. */
function quotesAny(text: string, secrets: readonly string[]): boolean {
  const plain = (one: string): string => one.toLowerCase().replace(/[^a-z0-9]/g, '')
  const said = plain(text)
  const sent = secrets.map(plain)
  for (let start = 0; start + PIECE <= said.length; start++) {
    const piece = said.slice(start, start + PIECE)
    if (sent.some((secret) => secret.includes(piece))) return true
  }
  return false
}
