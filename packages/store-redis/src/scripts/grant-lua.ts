/**
 * What the steps on one grant share. `KEYS[1]` is the grant: a hash whose fields are the record, its lease
 * (`lease`, `lease_until`, `lease_since`) and `committed_by`.
 *
 * `attempts` is `id armed state;` for each, oldest first; ids come without spaces and semicolons.
 */
export const grantLua = `
local grant = KEYS[1]

-- The fields of a record, in the order in which records.ts reads them.
local function record()
  return redis.call('HMGET', grant, 'chain', 'generation', 'expires', 'renew', 'state', 'reason', 'attempts',
    'sends', 'committed', 'secret')
end

local head = redis.call('HMGET', grant, 'chain', 'generation', 'state', 'lease', 'lease_until', 'lease_since')
local chain, generation, state = head[1], head[2], head[3]
local lease, lease_until, lease_since = head[4], tonumber(head[5]), tonumber(head[6])

local function same_link(other_chain, other_generation)
  return chain == other_chain and generation == other_generation
end

-- For answers that change nothing: a replica, which may lag behind, would give them. It refuses this command,
-- which does nothing (there is no such field), and so the step. Not before steps that write: a write that
-- needs no memory lets all later ones pass when memory is full.
local function unchanged(reply)
  local probe = redis.pcall('HDEL', grant, '')
  local refused = type(probe) == 'table' and probe.err and string.find(probe.err, 'READONLY', 1, true)
  return refused and probe or reply
end
local function superseded() return unchanged({'superseded', text(now), '', record()}) end
local function missing() return unchanged({'missing', text(now)}) end
-- Whether a lease is held that has not ended, by whomever.
local running = lease and lease_until and lease_until > now

-- Tells every process. A user that may not publish loses the notice, not the step.
local function publish(channel, message) redis.pcall('PUBLISH', channel, message) end
`

/** What the steps that change the indexes share. `KEYS[2..5]`: live, dead, due, claimed (see keys.ts). */
export const indexLua = `
local live, dead, due, claimed = KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function index_live(id, renew)
  redis.call('ZADD', live, 0, id)
  redis.call('ZREM', dead, id)
  if renew == '' then redis.call('ZREM', due, id) else redis.call('ZADD', due, renew, id) end
  redis.call('ZREM', claimed, id)
end
`
