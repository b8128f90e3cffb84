import { callbacks } from './callbacks.js'
import { cookies } from './cookies.js'
import { proxyHeaders, proxyLocations, proxyPaths } from './proxy.js'
import { rateLimits } from './rate-limits.js'
import { returnTo } from './return-to.js'
import type { Target } from './target.js'
import { tokenReplies } from './token-replies.js'

export const targets: readonly Target[] = [
  tokenReplies,
  rateLimits,
  cookies,
  callbacks,
  returnTo,
  proxyPaths,
  proxyLocations,
  proxyHeaders,
]
