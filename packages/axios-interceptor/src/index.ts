export { type AttachTokensOptions, attachTokens } from './attach-tokens.js'
export type { AxiosLike, RequestConfigLike } from './axios-like.js'
export type { RequestGrant } from './request-grant.js'
export type {} from './request-grant-commonjs.cjs'
