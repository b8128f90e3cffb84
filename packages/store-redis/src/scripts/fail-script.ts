import { grantLua, indexLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.fail`: `{failed, now}`, `{not-holder, now}` or superseded. See `failStep`. */
export const failScript: RedisScript = redisScript(
  grantLua,
  indexLua,
  `
local _, at_chain, at_generation, attempt, reason, id, channel, message = unpack(ARGV)
if not chain then return missing() end
if not same_link(at_chain, at_generation) then return superseded() end
if state == 'dead' then return unchanged({'failed', text(now)}) end
if not running or lease ~= attempt then return unchanged({'not-holder', text(now)}) end

local kept = {}
for each, armed, was in string.gmatch(redis.call('HGET', grant, 'attempts'), '([^ ;]*) ([^ ;]*) ([^ ;]*);') do
  if each ~= attempt then kept[#kept + 1] = each .. ' ' .. armed .. ' ' .. was .. ';' end
end
redis.call('HSET', grant, 'state', 'dead', 'reason', reason, 'attempts', table.concat(kept))
redis.call('HDEL', grant, 'lease', 'lease_until', 'lease_since')
redis.call('ZADD', dead, 0, id)
redis.call('ZREM', live, id)
redis.call('ZREM', due, id)
redis.call('ZREM', claimed, id)
publish(channel, message)
return {'failed', text(now)}
`,
)
