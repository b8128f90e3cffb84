import { storeJobs } from '@evergrant/store-tests/processes/jobs'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { ioredisStore, nodeRedisStore, type RedisStore } from '../../src/index.js'

/** What this process is started with: another client of the same server. */
export interface Setup {
  readonly library: 'node-redis' | 'ioredis'
  readonly url: string
}

async function connect({ library, url }: Setup): Promise<RedisStore> {
  if (library === 'ioredis') return ioredisStore({ client: new Redis(url).on('error', () => {}) })
  const client = createClient({ url })
  await client.on('error', () => {}).connect()
  return nodeRedisStore({ client })
}

serve(storeJobs(await connect(readSetup())))
