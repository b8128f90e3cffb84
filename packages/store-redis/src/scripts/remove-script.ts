import { grantLua, indexLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.remove`: `{ok, now, '', record}` with what was stored last, or `{missing, now}`. */
export const removeScript: RedisScript = redisScript(
  grantLua,
  indexLua,
  `
local expected, id, channel, message = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not chain or (expected ~= 'any' and expected ~= 'chain ' .. chain) then return missing() end
local last = record()
redis.call('DEL', grant)
for _, set in ipairs({live, dead, due, claimed}) do redis.call('ZREM', set, id) end
publish(channel, message)
return {'ok', text(now), '', last}
`,
)
