import { expect, it } from 'vitest'
import { oauth2Provider } from '../../src/provider/oauth2-provider.js'
import { prepareRequest } from '../../src/token-endpoint/token-request.js'

const tokenEndpoint = 'https://as.example/token'

/** Authenticated by whatever an application puts into the header, as providers want it that follow no RFC. */
const requestWith = (authorization: string) =>
  prepareRequest(
    {
      ...oauth2Provider({ id: 'p', clientId: 'client', tokenEndpoint }),
      clientAuthentication: (_server, _client, _body, headers) => headers.set('authorization', authorization),
    },
    tokenEndpoint,
    { grant_type: 'refresh_token', refresh_token: 'the-refresh-token' },
  )

it.each([
  [
    'encoded as RFC 6749 says',
    `Basic ${btoa('client:a%2Fsecret%20of%20some%20length')}`,
    'a/secret of some length',
  ],
  [
    'as it is, with a per cent sign',
    `Basic ${btoa('client:100%secret-of-some-length')}`,
    '100%secret-of-some-length',
  ],
  [
    'with a colon in it',
    `Basic ${btoa('client:part-one:part-two-of-some-length')}`,
    'part-two-of-some-length',
  ],
  ['that is no base64', 'Basic not~base64~at~all', 'not~base64~at~all'],
  ['under another scheme', 'Key secret-of-some-length', 'secret-of-some-length'],
])(
  'a client secret %s is sent, and known again when a server repeats it',
  async (_, authorization, secret) => {
    const request = await requestWith(authorization)
    expect(request.headers.get('authorization')).toBe(authorization)
    expect(request.isEcho(`you sent ${secret}`)).toBe(true)
    expect(request.isEcho('you sent the-refresh-token')).toBe(true)
    expect(request.isEcho('invalid_grant')).toBe(false)
  },
)
