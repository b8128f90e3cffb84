import { createHash } from 'node:crypto'

/** One step as Redis runs it: atomic, since Redis runs nothing else meanwhile. */
export interface RedisScript {
  readonly text: string
  /** What EVALSHA calls it by. */
  readonly sha: string
}

/**
 * Every script begins with this. All times are the server's: `now` in epoch milliseconds. Instants travel and
 * are stored as decimal text, never as Lua's own rendering of a number (which is 1.8e+12).
 *
 * `ARGV[1]` is the last instant at which this step may still happen: a client that was cut off may send it
 * much later, when its caller has long been told that it failed and somebody else has gone on.
 */
const prelude = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.17g', number) end
if now > tonumber(ARGV[1]) then return {'late', text(now)} end
`

/**
 * A script of one step. It must declare every key that it touches in `KEYS`, decide before its first write
 * (Redis undoes nothing), and answer `{status, now, ...}` in text.
 */
export function redisScript(...parts: readonly string[]): RedisScript {
  const text = [prelude, ...parts].map((part) => part.trim()).join('\n')
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
