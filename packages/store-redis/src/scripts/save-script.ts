import { grantLua, indexLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.save`: `{saved, now, '', record}` or superseded. See `saveStep` of core. */
export const saveScript: RedisScript = redisScript(
  grantLua,
  indexLua,
  `
local _, new_chain, new_generation, expected, secret, expires, renew, id, channel, message = unpack(ARGV)
-- A repetition whose first answer was lost: its token may have been sent or replaced meanwhile.
if chain == new_chain then return unchanged({'saved', text(now), '', record()}) end
if expected ~= 'any' and expected ~= (chain and 'chain ' .. chain or 'none') then
  return chain and superseded() or missing()
end

redis.call('HSET', grant, 'chain', new_chain, 'generation', new_generation, 'secret', secret,
  'expires', expires, 'renew', renew, 'state', 'live', 'attempts', '', 'sends', '0', 'committed', text(now))
redis.call('HDEL', grant, 'reason', 'lease', 'lease_until', 'lease_since', 'committed_by')
index_live(id, renew)
publish(channel, message)
return {'saved', text(now), '', record()}
`,
)
