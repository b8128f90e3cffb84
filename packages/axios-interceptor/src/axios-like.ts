import type { RequestGrant } from './request-grant.js'

/**
 * What is read of a request config. Structural, because axios ships two unrelated sets of types (ESM and
 * CommonJS) and an application may hold instances of several versions.
 */
export interface RequestConfigLike {
  readonly url?: string | undefined
  readonly baseURL?: string | undefined
  readonly method?: string | undefined
  readonly evergrant?: RequestGrant | undefined
}

/** An Axios instance of any copy and any version from 1.0, also one that `@nestjs/axios` holds. */
export interface AxiosLike<C extends RequestConfigLike = RequestConfigLike> {
  readonly defaults: { readonly baseURL?: string | undefined }
  readonly interceptors: {
    readonly request: {
      use(
        onFulfilled: (config: C) => C | Promise<C>,
        onRejected?: undefined,
        options?: { synchronous?: boolean },
      ): number
      eject(id: number): void
    }
  }
}

/** A config as an adapter gets it: merged, transformed, its headers an `AxiosHeaders`. */
export interface AdapterConfig extends RequestConfigLike {
  adapter?: unknown
  readonly method: string
  readonly headers: HeadersLike
  readonly data?: unknown
  readonly allowAbsoluteUrls?: boolean | undefined
  readonly timeout?: number | string | undefined
  readonly timeoutErrorMessage?: string | undefined
  readonly transitional?: { readonly clarifyTimeoutError?: boolean } | undefined
  readonly signal?: SignalLike | undefined
  readonly cancelToken?: CancelTokenLike | undefined
  readonly auth?: unknown
  readonly beforeRedirect?: BeforeRedirect | undefined
  readonly httpAgent?: unknown
  readonly httpsAgent?: unknown
  readonly fetchOptions?: { readonly dispatcher?: unknown } | undefined
}

export interface HeadersLike {
  Authorization?: string
  has(name: string): boolean
  set(name: string, value: string): unknown
}

export interface SignalLike {
  readonly aborted: boolean
  addEventListener?: (type: 'abort', listener: () => void) => void
  removeEventListener?: (type: 'abort', listener: () => void) => void
}

export interface CancelTokenLike {
  readonly reason?: unknown
  subscribe(listener: () => void): void
  unsubscribe(listener: () => void): void
}

export type BeforeRedirect = (
  options: { headers?: Record<string, unknown>; readonly href?: string },
  response: unknown,
  request?: { readonly headers?: Record<string, unknown> },
) => void

export interface ResponseLike {
  readonly status: number
  data: unknown
  config: AdapterConfig
  request?: unknown
}

export type Adapter = (config: AdapterConfig) => Promise<ResponseLike>
