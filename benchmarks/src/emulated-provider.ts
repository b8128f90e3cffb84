import type { OAuth2ProviderOptions } from '@evergrant/core'
import type { SpawnedAuthorizationServer } from '@evergrant/testing'

/** An emulated server as its clients name it, ours and those written by hand. */
export const emulatedProvider = ({
  clientId,
  clientSecret,
  tokenEndpoint,
}: SpawnedAuthorizationServer): OAuth2ProviderOptions => ({
  id: 'p',
  clientId,
  clientSecret,
  tokenEndpoint,
  clientAuthentication: 'client_secret_post',
})
