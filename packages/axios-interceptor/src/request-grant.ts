import type {} from 'axios'

/** Which grant one request uses; `false`: none, the request leaves as it is. */
export type RequestGrant = false | { readonly grantId: string }

declare module 'axios' {
  // The names of the type parameters must be those of axios.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  interface AxiosRequestConfig<D = any, P = any> {
    /**
     * The grant of this request, instead of the one that `attachTokens` was told; `false` sends it without a
     * token. Not secret: it stays in `response.config` and `error.config`.
     *
     * @defaultValue the `grantId` of `attachTokens`
     */
    evergrant?: RequestGrant | undefined
  }
}
