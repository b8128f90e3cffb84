import type { TokenManager } from '@evergrant/core'
import {
  type ConfigurableModuleAsyncOptions,
  ConfigurableModuleBuilder,
  type DynamicModule,
  Module,
  type Provider,
} from '@nestjs/common'
import { ModuleRef, ModulesContainer } from '@nestjs/core'
import {
  checkAsync,
  checkExtras,
  type EvergrantModuleExtras,
  type EvergrantModuleOptions,
  type EvergrantModuleSettings,
} from './evergrant.options.js'
import {
  DEFAULT_MANAGER,
  getHostToken,
  getRequestGrantsToken,
  getTokenManagerOptionsToken,
  getTokenManagerToken,
} from './evergrant.tokens.js'
import { oneForAll } from './one-for-all.check.js'
import { RequestGrants } from './request-grants.js'
import { TokenManagerHost } from './token-manager.host.js'
import { TokenManagerLifecycle } from './token-manager.lifecycle.js'

/** All names, for the builder takes what is not among them for an option of the manager. */
const EXTRAS: EvergrantModuleExtras = {
  name: undefined,
  isGlobal: undefined,
  keepAlive: undefined,
  grantId: undefined,
  connectUrl: undefined,
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<EvergrantModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createEvergrantOptions')
    .setExtras(EXTRAS, (definition, extras) => rootModule(definition, checkExtras(extras)))
    .build()

/**
 * Puts token managers into an application: `forRoot` or `forRootAsync` once for each manager, `forFeature` wherever
 * one is used that is not global.
 *
 * A manager that is made here is closed with the application, its store is not: close that in `onClosed`. A ready
 * manager (`{ tokens }`) is neither started nor closed. The same `forRoot(…)` value may be imported in many places.
 */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: what Nest calls a module
export class EvergrantModule {
  /**
   * @throws TypeError naming the option that is wrong; for what only shows when the manager is made, the application
   *   does not start
   */
  static forRoot(options: EvergrantModuleOptions & EvergrantModuleExtras): DynamicModule {
    return ConfigurableModuleClass.forRoot(options)
  }

  /**
   * As {@link EvergrantModule.forRoot}, with options from `useFactory`, `useClass` or `useExisting`. The extras (`name`,
   * `grantId`, …) stand beside these.
   *
   * @throws TypeError naming the option that is wrong
   */
  static forRootAsync(
    options: ConfigurableModuleAsyncOptions<EvergrantModuleOptions, 'createEvergrantOptions'> &
      EvergrantModuleExtras,
  ): DynamicModule {
    checkAsync(options)
    return ConfigurableModuleClass.forRootAsync(options)
  }

  /**
   * Makes the manager of this name injectable in the importing module. Where no `forRoot` made one, the application
   * does not start, and Nest's message names it.
   *
   * @param name - @defaultValue `'default'`
   * @throws TypeError for a name that is no non-empty string
   */
  static forFeature(name: string = DEFAULT_MANAGER): DynamicModule {
    return { module: EvergrantModule, ...publicParts(name) }
  }
}

/** Seen by the whole application, under tokens of its own; nobody else injects from it. */
@Module({})
class EvergrantHostModule {}

/** Seen by the whole application because its owner asked for it. */
@Module({})
class EvergrantGlobalModule {}

function rootModule(definition: DynamicModule, settings: EvergrantModuleSettings): DynamicModule {
  const { name, isGlobal } = settings
  const { imports = [], providers = [] } = definition
  const host: DynamicModule = {
    module: EvergrantHostModule,
    global: true,
    imports,
    providers: [
      ...providers.map((provider) => optionsOf(name, provider)),
      hostProvider(settings),
      oneForAll(getHostToken(name), `the options of the token manager '${name}'`),
    ],
    exports: [getHostToken(name)],
  }
  const everywhere = { module: EvergrantGlobalModule, global: true, ...publicParts(name) }
  const parts = publicParts(name)
  const lifecycle: Provider = {
    provide: TokenManagerLifecycle,
    inject: [getHostToken(name)],
    useFactory: (owner: TokenManagerHost) => new TokenManagerLifecycle(owner),
  }
  return {
    module: EvergrantModule,
    // What the options are made from ends after this module, though nothing here injects it: Nest ends modules
    // before what they import, and global ones last of all.
    imports: [...imports, host, ...(isGlobal ? [everywhere] : [])],
    providers: [...parts.providers, lifecycle],
    exports: parts.exports,
  }
}

/** The builder knows one token for the options of all managers; a test overrides those of one. */
function optionsOf(name: string, provider: Provider): Provider {
  return 'provide' in provider && provider.provide === MODULE_OPTIONS_TOKEN
    ? { ...provider, provide: getTokenManagerOptionsToken(name) }
    : provider
}

function hostProvider(settings: EvergrantModuleSettings): Provider {
  const token = getHostToken(settings.name)
  return {
    provide: token,
    inject: [getTokenManagerOptionsToken(settings.name), ModulesContainer],
    useFactory: (options: EvergrantModuleOptions, modules: ModulesContainer) => {
      // Nest would inject one or the other, by the order of imports.
      if ([...modules.values()].filter(({ providers }) => providers.has(token)).length > 1) {
        throw new TypeError(
          `Evergrant: there are two token managers named '${settings.name}': give one another 'name', or import the ` +
            'same EvergrantModule.forRoot(…) value or forFeature() instead of calling forRoot again',
        )
      }
      return new TokenManagerHost(options, settings)
    },
  }
}

function publicParts(name: string): { readonly providers: Provider[]; readonly exports: string[] } {
  const manager = getTokenManagerToken(name)
  const grants = getRequestGrantsToken(name)
  const host = getHostToken(name)
  return {
    providers: [
      { provide: manager, inject: [host], useFactory: (owner: TokenManagerHost) => owner.tokens() },
      {
        provide: grants,
        inject: [manager, host, ModuleRef],
        useFactory: (tokens: TokenManager, { settings }: TokenManagerHost, moduleRef: ModuleRef) =>
          new RequestGrants(tokens, settings, moduleRef),
      },
    ],
    exports: [manager, grants],
  }
}
