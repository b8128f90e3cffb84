import type { ServerBehaviour } from './behaviour.js'
import type { ServerClient } from './options.js'

/** The client that a request names, and how it proves itself. */
export interface PresentedClient {
  readonly clientId: string | null
  readonly clientSecret: string | null
  readonly method: 'client_secret_post' | 'client_secret_basic' | 'none'
}

/** The registered applications. */
export interface Clients {
  get(clientId: string): ServerClient | undefined
  /** Whether the presented client is known, its secret right, and its method one the server takes. */
  authenticate(client: PresentedClient, behaviour: ServerBehaviour): boolean
  setSecret(clientId: string, clientSecret: string): void
}

/** Reads the client from the `Authorization` header (RFC 6749 section 2.3.1) or from the body's parameters. */
export function presentedClient(
  authorization: string | undefined,
  parameters: Readonly<Record<string, string>>,
): PresentedClient {
  const basic = /^basic\s+(\S+)$/i.exec(authorization ?? '')?.[1]
  if (basic !== undefined) {
    const text = Buffer.from(basic, 'base64').toString('utf8')
    const [id = '', ...secret] = text.split(':')
    return {
      clientId: formDecode(id),
      clientSecret: formDecode(secret.join(':')),
      method: 'client_secret_basic',
    }
  }
  const clientSecret = parameters.client_secret ?? null
  return {
    clientId: parameters.client_id ?? null,
    clientSecret,
    method: clientSecret === null ? 'none' : 'client_secret_post',
  }
}

function formDecode(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '))
  } catch {
    return value
  }
}

/** Makes the registry from plain data. */
export function createClients(registered: readonly ServerClient[]): Clients {
  const clients = new Map(registered.map((client) => [client.clientId, client]))
  return {
    get: (clientId) => clients.get(clientId),
    authenticate({ clientId, clientSecret, method }, { clientAuthentication }) {
      const client = clients.get(clientId ?? '')
      if (!client) return false
      if (client.clientSecret === undefined) return clientSecret === null || clientSecret === ''
      return (
        method !== 'none' && clientAuthentication.includes(method) && clientSecret === client.clientSecret
      )
    },
    setSecret(clientId, clientSecret) {
      const client = clients.get(clientId)
      if (!client) throw new TypeError(`setClientSecret: there is no client '${clientId}'`)
      clients.set(clientId, { ...client, clientSecret })
    },
  }
}
