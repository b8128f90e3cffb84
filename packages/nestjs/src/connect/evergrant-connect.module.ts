import { type ConnectFlow, createConnectFlow, type TokenManager } from '@evergrant/core'
import {
  type ConfigurableModuleAsyncOptions,
  ConfigurableModuleBuilder,
  type DynamicModule,
  Module,
} from '@nestjs/common'
import { EvergrantModule } from '../evergrant.module.js'
import { checkAsync } from '../evergrant.options.js'
import { getTokenManagerToken } from '../evergrant.tokens.js'
import { oneForAll } from '../one-for-all.check.js'
import { connectController } from './connect.controller.js'
import {
  type ConnectSettings,
  checkConnectExtras,
  checkDisconnect,
  type EvergrantConnectExtras,
  type EvergrantConnectOptions,
} from './connect.options.js'
import { CONNECT_FLOW, DISCONNECT_OPTIONS } from './connect.tokens.js'

/** All names, for the builder takes what is not among them for an option of the flow. */
const EXTRAS: EvergrantConnectExtras = { manager: undefined, path: undefined, decorators: undefined }

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<EvergrantConnectOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createEvergrantConnectOptions')
    .setExtras(EXTRAS, (definition, extras) => connectModule(definition, checkConnectExtras(extras)))
    .build()

/**
 * The routes by which a user connects an account and disconnects it:
 *
 * - `GET /connect?returnTo=/path` sends the browser to the provider,
 * - `GET /connect/callback` is where it comes back (`redirectUri` must lead here), and sends it on to `returnTo`,
 * - `POST /connect/disconnect` removes the grant and revokes it at the provider; refused when another site sent it.
 *
 * Whose grant it is says the `grantId` of the manager. What goes wrong at the callback is told as a page to a browser,
 * else as problem details. No answer holds a token or a code.
 */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: what Nest calls a module
export class EvergrantConnectModule {
  /**
   * @throws TypeError naming the option that is wrong; for what only shows when the flow is made, the application does
   *   not start
   */
  static forRoot(options: EvergrantConnectOptions & EvergrantConnectExtras): DynamicModule {
    return ConfigurableModuleClass.forRoot(options)
  }

  /**
   * As {@link EvergrantConnectModule.forRoot}, with options from `useFactory`, `useClass` or `useExisting`. The extras
   * (`manager`, `path`, `decorators`) stand beside these.
   *
   * @throws TypeError naming the option that is wrong
   */
  static forRootAsync(
    options: ConfigurableModuleAsyncOptions<EvergrantConnectOptions, 'createEvergrantConnectOptions'> &
      EvergrantConnectExtras,
  ): DynamicModule {
    checkAsync(options)
    return ConfigurableModuleClass.forRootAsync(options)
  }
}

function connectModule(definition: DynamicModule, settings: ConnectSettings): DynamicModule {
  const { manager } = settings
  const { imports = [], providers = [] } = definition
  return {
    module: EvergrantConnectModule,
    imports: [...imports, EvergrantModule.forFeature(manager)],
    controllers: [connectController(settings)],
    providers: [
      ...providers,
      {
        provide: CONNECT_FLOW,
        inject: [MODULE_OPTIONS_TOKEN, getTokenManagerToken(manager)],
        useFactory: (options: EvergrantConnectOptions, tokens: TokenManager): ConnectFlow =>
          createConnectFlow({ ...options, tokens }),
      },
      oneForAll(CONNECT_FLOW, 'the options of the connect routes'),
      { provide: DISCONNECT_OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: checkDisconnect },
    ],
  }
}
