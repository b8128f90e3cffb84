import { Inject } from '@nestjs/common'
import { getTokenManagerToken } from './evergrant.tokens.js'

/**
 * Injects the `TokenManager` of this name.
 *
 * @param name - As given to `EvergrantModule.forRoot`. @defaultValue `'default'`
 * @throws TypeError for a name that is no non-empty string
 */
export function InjectTokenManager(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getTokenManagerToken(name))
}
