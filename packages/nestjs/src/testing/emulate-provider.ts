import { createTokenManager, memoryStore, type ProviderFacts, passolution } from '@evergrant/core'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '@evergrant/testing'
import type { OwnTokenManagerOptions } from '../evergrant.options.js'
import { getTokenManagerOptionsToken } from '../evergrant.tokens.js'

/** What is used of `Test.createTestingModule(…)`. */
export interface OverridableModule {
  overrideProvider(token: string): { useValue(value: OwnTokenManagerOptions): unknown }
}

/** What the emulated provider of a test is told. */
export interface EmulatedProviderOptions {
  /** Which manager is moved to the emulated provider. @defaultValue `'default'` */
  readonly name?: string | undefined
  /** Grants to begin with, each of a user whose `sub` is the grant's id. @defaultValue none */
  readonly grants?: readonly string[] | undefined
  /** What the emulated server is like. @defaultValue Passolution */
  readonly server?: AuthorizationServerOptions | undefined
  /** The facts of that server. @defaultValue `passolution` at its address */
  readonly provider?: ((server: AuthorizationServer) => ProviderFacts) | undefined
}

/**
 * Moves a manager of a testing module to an emulated authorization server and a memory store: one line between
 * `createTestingModule` and `compile`. The application's own options factory does not run; guards, decorators,
 * clients and routes stay as they are.
 *
 * The server is closed after the manager, with the application; close it yourself when `compile` fails.
 *
 * @returns the server: its ledger, faults, gates and `issueGrant`
 * @throws TypeError for bad options, and for a grant id that cannot be one
 */
export async function emulateProvider(
  module: OverridableModule,
  options: EmulatedProviderOptions = {},
): Promise<AuthorizationServer> {
  const { name, grants = [], provider: factsOf = passolutionAt } = options
  const token = getTokenManagerOptionsToken(name)
  const server = await startAuthorizationServer(options.server)
  try {
    const provider = factsOf(server)
    const store = memoryStore()
    const tokens = createTokenManager({ provider, store })
    for (const id of grants) await tokens.saveGrant(id, server.issueGrant({ sub: id }))
    await tokens.close()
    module.overrideProvider(token).useValue({ provider, store, onClosed: () => server.close() })
  } catch (error) {
    await server.close()
    throw error
  }
  return server
}

function passolutionAt({ clientId, clientSecret, origin }: AuthorizationServer): ProviderFacts {
  return passolution({ clientId, clientSecret, authorizationServer: origin, api: origin })
}
