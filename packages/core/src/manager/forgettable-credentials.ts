import type { ClientAuth } from 'oauth4webapi'
import { EvergrantError } from '../errors.js'

/** The client's way to authenticate, until it is forgotten: a closed manager must not hold on to its secret. */
export function forgettableCredentials(given: ClientAuth): {
  readonly authenticate: ClientAuth
  forget(): void
} {
  let own: ClientAuth | undefined = given
  return {
    authenticate(...request) {
      if (!own) throw new EvergrantError('CLOSED', 'The token manager is closed')
      return own(...request)
    },
    forget() {
      own = undefined
    },
  }
}
