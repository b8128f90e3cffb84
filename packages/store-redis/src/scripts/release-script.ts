import { grantLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.release`: always `{ok, now}`. See `releaseStep`. */
export const releaseScript: RedisScript = redisScript(
  grantLua,
  `
local attempt, outcome, channel, message = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
if not chain or not same_link(ARGV[2], ARGV[3]) then return unchanged({'ok', text(now)}) end

local fields = redis.call('HMGET', grant, 'attempts', 'sends')
local sends, known, kept = tonumber(fields[2]), false, {}
for id, armed, was in string.gmatch(fields[1], '([^ ;]*) ([^ ;]*) ([^ ;]*);') do
  if id ~= attempt then
    kept[#kept + 1] = id .. ' ' .. armed .. ' ' .. was .. ';'
  else
    known = true
    if outcome == 'lost' then kept[#kept + 1] = id .. ' ' .. armed .. ' lost;' end
  end
end
local holds = lease == attempt
if not known and not holds then return unchanged({'ok', text(now)}) end

if known and outcome == 'not-sent' then sends = sends - 1 end
redis.call('HSET', grant, 'attempts', table.concat(kept), 'sends', text(sends))
if holds then
  redis.call('HDEL', grant, 'lease', 'lease_until', 'lease_since')
  publish(channel, message)
end
return {'ok', text(now)}
`,
)
