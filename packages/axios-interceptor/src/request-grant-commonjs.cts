import type {} from 'axios'
import type { RequestGrant } from './request-grant.js' with { 'resolution-mode': 'import' }

// The other set of types that axios ships, which CommonJS applications see: the same addition.
declare module 'axios' {
  // biome-ignore lint/suspicious/noExplicitAny: the names of the type parameters must be those of axios
  interface AxiosRequestConfig<D = any, P = any> {
    /** @see the documentation at `RequestGrant` */
    evergrant?: RequestGrant | undefined
  }
}
