import { type RedisScript, redisScript } from './redis-script.js'

/** First half of `TokenStore.list`, for one index of one bucket: the next ids in the order of their bytes. */
export const findIdsScript: RedisScript = redisScript(`
local after, limit = ARGV[2], ARGV[3]
local from = '-'
if after ~= '' then from = '(' .. after end
return {'ok', text(now), '', redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, limit)}
`)

/** Second half: the records of several grants of one bucket, without their secrets. */
export const summariesScript: RedisScript = redisScript(`
local found = {}
for i, grant in ipairs(KEYS) do
  found[i] = redis.call('HMGET', grant, 'chain', 'generation', 'expires', 'renew', 'state', 'reason', 'attempts',
    'sends', 'committed')
end
return {'ok', text(now), '', found}
`)
