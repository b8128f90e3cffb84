import { grantLua } from './grant-lua.js'
import { type RedisScript, redisScript } from './redis-script.js'

/** `TokenStore.load`: `{ok, now, '', record}` or `{missing, now}`. Like every step on a grant, only a primary answers it. */
export const loadScript: RedisScript = redisScript(
  grantLua,
  `
if not chain then return missing() end
return unchanged({'ok', text(now), '', record()})
`,
)
