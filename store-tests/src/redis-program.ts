import { spawnSync } from 'node:child_process'

const names = [
  process.env.REDIS_SERVER,
  'redis-server',
  '/usr/bin/redis-server',
  '/opt/homebrew/bin/redis-server',
]

/** How to call the server of Redis; `undefined`: there is none here. */
export const redisProgram: string | undefined = names.find(
  (name) => name && spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
)

export const noRedis =
  'redis-server is missing. Debian, Ubuntu: apt-get install -y redis-server; macOS: brew install redis; or name it in REDIS_SERVER.'
