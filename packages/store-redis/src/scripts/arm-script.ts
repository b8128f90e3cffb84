import { grantLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.arm`: `{armed, now, until}`, `{not-holder, now}` or superseded. See `armStep`. */
export const armScript: RedisScript = redisScript(
  grantLua,
  `
local attempt, ttl, held_since = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
if not chain then return missing() end
if not same_link(ARGV[2], ARGV[3]) or state ~= 'live' then return superseded() end
if not running or lease ~= attempt or lease_since ~= held_since then return unchanged({'not-holder', text(now)}) end

local fields = redis.call('HMGET', grant, 'attempts', 'sends')
local attempts, sends = fields[1], tonumber(fields[2])
local repeated = string.find(';' .. attempts, ';' .. attempt .. ' ', 1, true)

local until_ms = math.max(now + ttl, lease_until)
if repeated then
  redis.call('HSET', grant, 'lease_until', text(until_ms))
else
  attempts = attempts .. attempt .. ' ' .. text(now) .. ' open;'
  redis.call('HSET', grant, 'lease_until', text(until_ms), 'attempts', attempts, 'sends', text(sends + 1))
end
return {'armed', text(now), text(until_ms)}
`,
)
