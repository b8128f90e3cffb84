import { grantLua, indexLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.commit`: `{committed, now, '', record}` or superseded. See `commitStep`. */
export const commitScript: RedisScript = redisScript(
  grantLua,
  indexLua,
  `
local _, at_chain, at_generation, attempt, secret, expires, renew, id, channel, message = unpack(ARGV)
if not chain then return missing() end
if not same_link(at_chain, at_generation) then
  local repeated = chain == at_chain and tonumber(generation) == tonumber(at_generation) + 1
    and redis.call('HGET', grant, 'committed_by') == attempt
  return unchanged({repeated and 'committed' or 'superseded', text(now), '', record()})
end

-- Begins with a command that frees memory: Redis then lets the script end, also when its memory is full. A
-- successor that cannot be stored is worse than a few bytes too many.
redis.call('HDEL', grant, 'reason', 'lease', 'lease_until', 'lease_since')
redis.call('HSET', grant, 'generation', text(tonumber(generation) + 1), 'secret', secret,
  'expires', expires, 'renew', renew, 'state', 'live', 'attempts', '', 'sends', '0', 'committed', text(now),
  'committed_by', attempt)
index_live(id, renew)
publish(channel, message)
return {'committed', text(now), '', record()}
`,
)
