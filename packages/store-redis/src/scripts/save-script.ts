import { grantLua, indexLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.save`: `{ok, now, '', record}`. See `saveStep` of core. */
export const saveScript: RedisScript = redisScript(
  grantLua,
  indexLua,
  `
local _, new_chain, new_generation, secret, expires, renew, id, channel, message = unpack(ARGV)
-- A repetition whose first answer was lost: its token may have been sent or replaced meanwhile.
if chain == new_chain then return unchanged({'ok', text(now), '', record()}) end

redis.call('HSET', grant, 'chain', new_chain, 'generation', new_generation, 'secret', secret,
  'expires', expires, 'renew', renew, 'state', 'live', 'attempts', '', 'sends', '0', 'committed', text(now))
redis.call('HDEL', grant, 'reason', 'lease', 'lease_until', 'lease_since', 'committed_by')
index_live(id, renew)
publish(channel, message)
return {'ok', text(now), '', record()}
`,
)
