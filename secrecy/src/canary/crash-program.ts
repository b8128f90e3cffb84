/** A process with a token on its way that ends badly, and prints whatever Node prints then. */
import { attachTokens } from '@evergrant/axios-interceptor'
import axios from 'axios'
import { echoes } from './echo-server.js'
import { runKind } from './scene.js'
import { GRANT, openWorld } from './world.js'

export type Crash = 'error-of-ours' | 'rejection' | 'axios-error' | 'axios-throws' | 'with-everything'

const [, , crash] = process.argv as [string, string, Crash]

await runKind({
  area: 'crash',
  name: crash,
  async run(scene) {
    const { server, tokens, provider } = await openWorld(scene)
    const api = axios.create({ baseURL: server.origin, adapter: 'http' })
    attachTokens(api, { tokens, grantId: GRANT })
    const token = await tokens.getAccessToken(GRANT)
    const never = new Promise<never>(() => {})
    server.answers.token = echoes['a refusal that quotes'] ?? server.answers.token
    switch (crash) {
      case 'error-of-ours': {
        const error: unknown = await tokens
          .getAccessToken(GRANT, { forceRefresh: true })
          .catch((e: unknown) => e)
        setTimeout(() => {
          throw error
        })
        break
      }
      case 'rejection':
        void tokens.getAccessToken(GRANT, { forceRefresh: true })
        break
      case 'axios-error':
        server.answers.api = echoes['a connection that is cut'] ?? server.answers.api
        void api.get('/api')
        break
      case 'axios-throws':
        void api.get('/api', {
          validateStatus: () => {
            throw new Error('cannot judge it')
          },
        })
        break
      case 'with-everything':
        console.error(token, tokens, provider)
        setTimeout(() => {
          throw Object.assign(new Error(`with ${String(token)}`), { token, tokens, provider, api })
        })
    }
    await never
  },
})
