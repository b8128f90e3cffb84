import { grantLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.acquire`: `{acquired, now, until, since, record}`, `{busy, now, until}` or superseded. See `acquireStep`. */
export const acquireScript: RedisScript = redisScript(
  grantLua,
  `
local attempt, ttl, max_hold = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
if not chain then return missing() end
if not same_link(ARGV[2], ARGV[3]) or state ~= 'live' then return superseded() end
if running and lease ~= attempt then return unchanged({'busy', text(now), text(lease_until)}) end

local since = now
if running then since = lease_since end
-- An armed lease may run longer than this extension would give; it is never cut short.
local until_ms = math.max(math.min(now + ttl, since + max_hold), running and lease_until or 0)
redis.call('HSET', grant, 'lease', attempt, 'lease_until', text(until_ms), 'lease_since', text(since))
return {'acquired', text(now), text(until_ms), text(since), record()}
`,
)
