import { echoes, issueTokens } from '../echo-server.js'
import type { Kind, Scene } from '../scene.js'
import { authorize, type Flavour, flavours, GRANT, openWorld, type World } from '../world.js'

/** What a token manager sends to the provider. */
const requests: Readonly<Record<string, (world: World, scene: Scene) => Promise<unknown>>> = {
  'a rotation': ({ tokens }) => tokens.getAccessToken(GRANT, { forceRefresh: true }),
  'a code exchange': async ({ tokens }, scene) => tokens.exchangeCode(GRANT, await authorize(scene, tokens)),
  'a revocation': ({ tokens }) => tokens.revoke(GRANT),
}

const answered = Object.entries(echoes).flatMap(([answer, echo], index) =>
  Object.entries(requests).map(([request, send]): Kind => {
    const flavour = flavours[index % flavours.length] as Flavour
    return {
      area: 'core, token endpoint',
      name: `${request} (${flavour}) gets ${answer}`,
      async run(scene) {
        const world = await openWorld(scene, { flavour })
        Object.assign(world.server.answers, { token: echo, revoke: echo })
        await scene.ends(send(world, scene))
        if (world.server.received.length === 0) throw new Error('nothing was sent')
      },
    }
  }),
)

/** Successes in which the server says back what it was sent, where the application can see it. */
const odd: Readonly<Record<string, (scene: Scene) => object>> = {
  'a scope that quotes': () => ({}),
  'an unknown token type that quotes': (scene) => ({ token_type: scene.canaries.plant('access token') }),
  'a lifetime that is a token': (scene) => ({ expires_in: scene.canaries.plant('access token') }),
  'an access token that no header can carry': (scene) => ({
    access_token: `${scene.canaries.plant('access token')}\n€`,
  }),
  'no access token': () => ({ access_token: undefined }),
  'tokens and an error': (scene) => ({ error: scene.canaries.plant('refresh token') }),
}

const oddities = Object.entries(odd).flatMap(([name, more]) =>
  ['a rotation', 'a code exchange'].map((request): Kind => {
    const send = requests[request] as (world: World, scene: Scene) => Promise<unknown>
    return {
      area: 'core, token endpoint',
      name: `${request} brings ${name}`,
      async run(scene) {
        const world = await openWorld(scene)
        const quoted = name.startsWith('a scope')
        world.server.answers.token = issueTokens(scene, (received) => ({
          ...more(scene),
          ...(quoted && { scope: received.all }),
        }))
        await scene.ends(send(world, scene))
        const token = await scene.ends(world.tokens.getAccessToken(GRANT))
        scene.see('spread of a token', { ...(token as object) })
      },
    }
  }),
)

const connection: Kind[] = [
  {
    area: 'core, token endpoint',
    name: 'a server that never answers',
    async run(scene) {
      const { server, tokens } = await openWorld(scene)
      server.answers.token = () => {}
      await scene.fails(tokens.getAccessToken(GRANT, { forceRefresh: true }))
    },
  },
  {
    area: 'core, token endpoint',
    name: 'nobody listens',
    async run(scene) {
      const { tokens } = await openWorld(scene, { fetch: (_, init) => fetch('http://127.0.0.1:1/', init) })
      await scene.fails(tokens.getAccessToken(GRANT, { forceRefresh: true }))
    },
  },
  {
    area: 'core, token endpoint',
    name: 'a fetch of the application throws what it was given',
    async run(scene) {
      const { tokens } = await openWorld(scene, {
        fetch: async (input, init) => {
          const body = await new Response(init?.body).text().catch(String)
          throw Object.assign(new Error(`cannot send ${body}`), { input, init, body, code: body })
        },
      })
      await scene.fails(tokens.getAccessToken(GRANT, { forceRefresh: true }))
    },
  },
  {
    area: 'core, token endpoint',
    name: 'a caller who gives up with a reason',
    async run(scene) {
      const { server, tokens } = await openWorld(scene)
      server.answers.token = () => {}
      const signal = AbortSignal.timeout(30)
      await scene.fails(tokens.getAccessToken(GRANT, { forceRefresh: true, signal }))
    },
  },
  {
    area: 'core, token endpoint',
    name: 'closed while the reply is on its way',
    async run(scene) {
      const { server, tokens } = await openWorld(scene)
      server.answers.token = (received, reply) => {
        setTimeout(() => issueTokens(scene)(received, reply), 50)
      }
      const call = scene.ends(tokens.getAccessToken(GRANT, { forceRefresh: true }))
      while (server.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      await scene.ends(tokens.close())
      await call
      await scene.fails(tokens.getAccessToken(GRANT))
    },
  },
  {
    area: 'core, token endpoint',
    name: 'client credentials that are refused with a quote',
    async run(scene) {
      const { server, tokens } = await openWorld(scene, {
        flavour: 'basic header',
        clientCredentials: { service: {} },
      })
      const echo = echoes['a wrong client that quotes']
      if (echo) server.answers.token = echo
      await scene.fails(tokens.getAccessToken('service'))
    },
  },
]

export const tokenEndpointKinds: readonly Kind[] = [...answered, ...oddities, ...connection]
