import { type RedisScript, redisScript } from './redis-script.js'

/** Kept this long after it has lost its meaning, in case the server's clock steps back. */
const shared = `
local slots, demands, blocked = KEYS[1], KEYS[2], KEYS[3]
local function expire(key, ms)
  redis.call('PEXPIRE', key, string.format('%.0f', math.min(ms, 1e12) + 3600000))
end
`

/** `TokenStore.takeBudget`: `{granted | wait, now, until, waiting}`. See `takeBudgetStep` of core. */
export const takeBudgetScript: RedisScript = redisScript(
  shared,
  `
local slot, limit, window, slot_ms = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local is_caller, reserve, member, own_waiting = ARGV[6] == 'caller', tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local counted = window + slot_ms

-- Slots that no window counts any more, and the one that is exchanged.
redis.call('ZREMRANGEBYSCORE', slots, '-inf', text(now - counted))
redis.call('ZREM', slots, slot)
-- A clock that stepped back must not keep slots of the future for ever: they count as granted now.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', slots, '(' .. text(now), '+inf')) do
  redis.call('ZADD', slots, text(now), id)
end
local taken = redis.call('ZCARD', slots)

-- Who waits comes back within a window; who did not is gone, and must not hold up the others.
local waiting = own_waiting
local all = redis.call('HGETALL', demands)
for i = 1, #all, 2 do
  local count, seen = string.match(all[i + 1], '^(%S+) (%S+)$')
  if all[i] ~= member then
    if math.abs(now - tonumber(seen)) <= 2 * counted then
      waiting = waiting + tonumber(count)
    else
      redis.call('HDEL', demands, all[i])
    end
  end
end

local blocked_until = tonumber(redis.call('GET', blocked)) or 0
local usable = is_caller and limit or limit - reserve
local is_blocked = now < blocked_until
local is_behind = not is_caller and waiting > 0
local granted = not is_blocked and not is_behind and taken < usable

local own = own_waiting
if is_caller and not granted then own = own + 1 end
if own > 0 then
  redis.call('HSET', demands, member, text(own) .. ' ' .. text(now))
  expire(demands, 2 * counted)
else
  redis.call('HDEL', demands, member)
end

if granted then
  redis.call('ZADD', slots, text(now), slot)
  expire(slots, counted)
  return {'granted', text(now), text(now + slot_ms), text(waiting)}
end
local free_at = now
local last = taken - math.max(usable, 1)
if taken >= usable and last >= 0 then
  local freed_by = redis.call('ZRANGE', slots, last, last, 'WITHSCORES')
  if freed_by[2] then free_at = tonumber(freed_by[2]) + counted end
end
-- Nothing tells when the last waiting caller is served: look again a few times a window.
local soonest = 0
if not is_blocked and (is_behind or free_at == now) then soonest = now + math.max(1, window / 10) end
return {'wait', text(now), text(math.max(blocked_until, free_at, soonest)), text(waiting)}
`,
)

/** `TokenStore.penalize`: `{ok, now}`. Only ever moves the instant later. */
export const penalizeScript: RedisScript = redisScript(
  shared,
  `
local until_ms = tonumber(ARGV[2])
if until_ms > (tonumber(redis.call('GET', blocked)) or 0) then
  redis.call('SET', blocked, text(until_ms))
  expire(blocked, math.max(until_ms - now, 0))
end
return {'ok', text(now)}
`,
)
