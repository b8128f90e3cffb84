import { isEvergrantError, oauth2Provider } from '@evergrant/core'
import fc from 'fast-check'
import { codeFrom, parametersOf } from '../../../packages/core/src/manager/authorization-callback.js'
import { claim, type Target, textOf } from './target.js'

const STATE = 'sTaTe-of-this-very-flow'
const CODE = 'Cn4RyXq7w2ZkC0de'
const facts = oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: 'https://server.example/token' })

const pair = fc.tuple(
  fc.constantFrom(
    'code',
    'state',
    'iss',
    'error',
    'error_description',
    'response',
    'id_token',
    'x',
    '',
    '__proto__',
  ),
  fc.oneof(
    fc.constantFrom(
      STATE,
      CODE,
      STATE.toLowerCase(),
      '',
      'https://server.example',
      'https://evil.example',
      'access_denied',
    ),
    textOf('%', '%00', '+', '&', '=', STATE, CODE),
  ),
)
const query = fc.oneof(
  fc.array(pair, { maxLength: 6 }).map((pairs) => new URLSearchParams(pairs).toString()),
  textOf('?', '#', '&', '=', `state=${STATE}`, `code=${CODE}`, '%', '//', '[', ';'),
)
const prefix = fc.constantFrom('', '?', '/callback?', 'https://app.example/callback?', '//[/?', '#', 'x?y?')

/** Only a callback with this very state brings a code to exchange. */
export const callbacks: Target = {
  name: 'callback queries',
  property: fc.property(prefix, query, fc.boolean(), (before, after, asParameters) => {
    const callback = asParameters ? new URLSearchParams(after) : before + after
    try {
      const code = codeFrom(facts, {
        callback,
        state: STATE,
        codeVerifier: 'v',
        redirectUri: 'https://app.example/',
      })
      const parameters = parametersOf(callback)
      claim(parameters.getAll('state').join() === STATE, 'a code was taken with another state')
      claim(parameters.getAll('code').join() === code && code !== '', 'a code was made up')
      claim(
        [undefined, facts.issuer].includes(parameters.get('iss') ?? undefined),
        'a code of another issuer was taken',
      )
      claim(!parameters.get('error') && !parameters.get('response'), 'a code beside an error was taken')
    } catch (error) {
      if (error instanceof Error && !isEvergrantError(error)) throw error
      claim(isEvergrantError(error, 'AUTHORIZATION_FAILED'), 'it failed with something else')
      claim(!`${error.message} ${error.reason}`.includes(CODE), 'an error quotes the code')
    }
  }),
}
