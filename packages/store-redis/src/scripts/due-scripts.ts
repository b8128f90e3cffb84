import { type RedisScript, redisScript } from './redis-script.js'

/**
 * First half of `TokenStore.claimDue`, for one bucket: what is due, earliest first, as
 * `{ok, now, '', {id, renew, id, renew, ...}}`. Claims that ended are due again.
 */
export const findDueScript: RedisScript = redisScript(`
local due, claimed, held = KEYS[1], KEYS[2], KEYS[3]
local before, limit = ARGV[2], ARGV[3]
local ended = redis.call('ZRANGEBYSCORE', claimed, '-inf', text(now), 'LIMIT', 0, 1000)
for _, id in ipairs(ended) do
  local renew = redis.call('HGET', held, id)
  redis.call('ZREM', claimed, id)
  redis.call('HDEL', held, id)
  if renew then redis.call('ZADD', due, renew, id) end
end
return {'ok', text(now), '', redis.call('ZRANGEBYSCORE', due, '-inf', before, 'WITHSCORES', 'LIMIT', 0, limit)}
`)

/**
 * Second half: claims those of the ids in `ARGV[4..]` that are still due, and answers them as
 * `{ok, now, '', ids}`. Whoever comes second finds them gone.
 */
export const claimScript: RedisScript = redisScript(`
local due, claimed, held = KEYS[1], KEYS[2], KEYS[3]
local before, hold = tonumber(ARGV[2]), tonumber(ARGV[3])
local mine = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local renew = redis.call('ZSCORE', due, id)
  if renew and tonumber(renew) <= before then
    redis.call('ZADD', claimed, text(now + hold), id)
    redis.call('HSET', held, id, renew)
    redis.call('ZREM', due, id)
    mine[#mine + 1] = id
  end
end
return {'ok', text(now), '', mine}
`)
