import { grantLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.replaceSecret`: `{replaced | changed | missing, now}`. */
export const replaceSecretScript: RedisScript = redisScript(
  grantLua,
  `
local from, to = ARGV[4], ARGV[5]
if not chain then return missing() end
if not same_link(ARGV[2], ARGV[3]) or redis.call('HGET', grant, 'secret') ~= from then
  return unchanged({'changed', text(now)})
end
redis.call('HSET', grant, 'secret', to)
return {'replaced', text(now)}
`,
)
