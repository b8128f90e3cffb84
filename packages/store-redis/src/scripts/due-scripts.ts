import { type RedisScript, redisScript } from './redis-script.js'

/**
 * First half of `TokenStore.claimDue`, for one bucket: what is due, earliest first, as
 * `{ok, now, '', {id, since, id, since, ...}}`. Claims that ended are due again, from their end on.
 */
export const findDueScript: RedisScript = redisScript(`
local due, claimed = KEYS[1], KEYS[2]
local before, limit = ARGV[2], ARGV[3]
local ended = redis.call('ZRANGEBYSCORE', claimed, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, 1000)
for i = 1, #ended, 2 do
  redis.call('ZREM', claimed, ended[i])
  -- Whoever claimed it saw that it was due.
  redis.call('ZADD', due, text(math.min(tonumber(ended[i + 1]), tonumber(before))), ended[i])
end
return {'ok', text(now), '', redis.call('ZRANGEBYSCORE', due, '-inf', before, 'WITHSCORES', 'LIMIT', 0, limit)}
`)

/**
 * Second half: claims those of the ids in `ARGV[4..]` that are still due, and answers them as
 * `{ok, now, '', ids}`. Whoever comes second finds them gone.
 */
export const claimScript: RedisScript = redisScript(`
local due, claimed = KEYS[1], KEYS[2]
local before, hold = tonumber(ARGV[2]), tonumber(ARGV[3])
local mine = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local since = redis.call('ZSCORE', due, id)
  if since and tonumber(since) <= before then
    redis.call('ZADD', claimed, text(now + hold), id)
    redis.call('ZREM', due, id)
    mine[#mine + 1] = id
  end
end
return {'ok', text(now), '', mine}
`)
