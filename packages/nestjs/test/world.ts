import 'reflect-metadata'
import {
  createTokenManager,
  memoryStore,
  passolution,
  type TokenManager,
  type TokenManagerOptions,
  type TokenStore,
} from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import type { INestApplication, LoggerService, ModuleMetadata, NestApplicationOptions } from '@nestjs/common'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { Test } from '@nestjs/testing'
import { afterEach } from 'vitest'

export const platforms = {
  express: () => new ExpressAdapter(),
  // In Nest 11 it is Fastify that is told to cut connections, not the application.
  fastify: ({ forceCloseConnections = false }: NestApplicationOptions) =>
    new FastifyAdapter({ forceCloseConnections }),
} as const
export type Platform = keyof typeof platforms
export const platformNames = Object.keys(platforms) as Platform[]

const cleanups: (() => unknown)[] = []
export function cleanUp(action: () => unknown): void {
  cleanups.push(action)
}
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

export interface World {
  readonly server: AuthorizationServer
  readonly store: TokenStore
  /** What a manager of this world is made from. */
  readonly options: TokenManagerOptions
  /** Another manager of the same store, as another process has it. */
  readonly elsewhere: TokenManager
  /** Stores an authorization of long ago: its access token is expired. */
  saveExpired(grantId: string): Promise<void>
  /** Every token and secret there has been so far. */
  secrets(): readonly string[]
}

/** The emulated server and a store that has the grants `agency` and `other`. */
export async function startWorld(options: Partial<TokenManagerOptions> = {}): Promise<World> {
  const server = await startAuthorizationServer()
  cleanUp(() => server.close())
  const { origin, clientId, clientSecret } = server
  const secrets = [clientSecret]
  const managerOptions: TokenManagerOptions = {
    provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
    store: memoryStore(),
    // Reads the replies on the way, to know what must not be found anywhere.
    async fetch(input, init) {
      const response = await fetch(input, init)
      keep(await response.clone().json())
      return response
    },
    ...options,
  }
  const keep = (reply: { access_token?: string; refresh_token?: string }): void => {
    if (reply.access_token) secrets.push(reply.access_token)
    if (reply.refresh_token) secrets.push(reply.refresh_token)
  }
  const elsewhere = createTokenManager(managerOptions)
  cleanUp(() => elsewhere.close())
  const save = async (grantId: string, receivedAtMs?: number): Promise<void> => {
    const reply = server.issueGrant({ sub: grantId })
    keep(reply)
    await elsewhere.saveGrant(grantId, reply, { receivedAtMs })
  }
  await save('agency')
  await save('other')
  const saveExpired = (grantId: string): Promise<void> => save(grantId, 1)
  const { store } = managerOptions
  return { server, store, options: managerOptions, elsewhere, saveExpired, secrets: () => secrets }
}

export interface RunningApp {
  readonly app: INestApplication
  readonly url: string
  /** Everything that Nest logged, as it would be printed. */
  logged(): string
}

/** A real application that listens on loopback. */
export async function startApp(
  platform: Platform,
  metadata: ModuleMetadata,
  // A connection that the client of a test opened and never used would hold up the end for seconds.
  options: NestApplicationOptions = { forceCloseConnections: true },
  prepare: (app: INestApplication) => unknown = () => {},
): Promise<RunningApp> {
  const log = recordingLogger()
  const module = await Test.createTestingModule(metadata).setLogger(log).compile()
  const app = module.createNestApplication(platforms[platform](options), { logger: log, ...options })
  cleanUp(() => app.close())
  prepare(app)
  await app.listen(0, '127.0.0.1')
  return { app, url: await app.getUrl(), logged: () => log.lines.join('\n') }
}

export interface RecordingLogger extends LoggerService {
  readonly lines: string[]
}

export function recordingLogger(): RecordingLogger {
  const lines: string[] = []
  const write = (...what: unknown[]): void => {
    lines.push(
      what
        .map((one) => (one instanceof Error ? `${one.stack} ${JSON.stringify(one)}` : String(one)))
        .join(' '),
    )
  }
  return { lines, log: () => {}, error: write, warn: write, fatal: write }
}
