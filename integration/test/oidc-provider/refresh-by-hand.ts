import type { RegisteredClient } from './clients.js'
import { byHandHeader } from './request-log.js'

/** Presents a refresh token as a thief of it would: past Evergrant, with the client's own credentials. */
export async function refreshByHand(
  issuer: string,
  { authentication }: RegisteredClient,
  refreshToken: string,
): Promise<{ readonly status: number; readonly error: string | undefined }> {
  const { clientId, clientSecret } = authentication
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { [byHandHeader]: 'yes' },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: clientId,
      ...(clientSecret !== undefined && { client_secret: clientSecret }),
    }),
  })
  const { error } = (await response.json()) as { readonly error?: string }
  return { status: response.status, error }
}
