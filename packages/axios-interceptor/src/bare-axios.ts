import type { Adapter, AdapterConfig, ResponseLike } from './axios-like.js'
import { type GetAdapter, ownAdapters } from './own-adapters.js'

/**
 * The instance's own copy of axios without any of its interceptors, defaults and transforms. Adapters given by
 * name (`'http'`, `'fetch'`) and the error classes are private to a copy of axios, so that importing axios here
 * could bring those of another one.
 */
export interface BareAxios {
  /** The URL without `params`; `undefined`: axios cannot make one. */
  absoluteUrl(config: AdapterConfig): URL | undefined
  /** Sends a config that is transformed already, through the adapter it has or names. */
  send(config: AdapterConfig): Promise<ResponseLike>
  /** An `AxiosError` as axios makes it when `timeout` is over. */
  timeoutError(config: AdapterConfig, cause?: unknown): Promise<Error>
}

interface AxiosInternals {
  readonly defaults: Record<string, unknown>
  request(config: object): Promise<ResponseLike>
  getUri(config: object): string
}

type AxiosErrorClass = new (message: string, code: string, config: AdapterConfig) => Error

export function bareAxios(instance: object): BareAxios {
  const axios = (instance as { create(): AxiosInternals }).create()
  // What a request leaves out (a header the application deleted, say) must not come back from the defaults.
  for (const name of Object.keys(axios.defaults)) delete axios.defaults[name]
  let getAdapter: GetAdapter | undefined

  async function sendFirst(config: AdapterConfig): Promise<ResponseLike> {
    getAdapter ??= (await ownAdapters(await axiosErrorClass(axios))) ?? throughAxios
    return getAdapter(config)(config)
  }

  /** A second way through all of axios, only to have its adapter. */
  function throughAxios(): Adapter {
    return async (config) => {
      try {
        const sent = { ...config, transformRequest: [], transformResponse: [] }
        return Object.assign(await axios.request(sent), { config })
      } catch (error) {
        const { config: sent, response } = error as { config?: AdapterConfig; response?: ResponseLike }
        if (sent) Object.assign(error as object, { config })
        if (response) response.config = config
        throw error
      }
    }
  }

  return {
    absoluteUrl({ url, baseURL, allowAbsoluteUrls }) {
      try {
        return new URL(axios.getUri({ url, baseURL, allowAbsoluteUrls }))
      } catch {
        return undefined
      }
    },

    send(config) {
      if (typeof config.adapter === 'function') return (config.adapter as Adapter)(config)
      return getAdapter ? getAdapter(config)(config) : sendFirst(config)
    },

    async timeoutError(config, cause) {
      const code = config.transitional?.clarifyTimeoutError ? 'ETIMEDOUT' : 'ECONNABORTED'
      const error = new (await axiosErrorClass(axios))(timeoutMessage(config), code, config)
      // Not enumerable, as axios and the language have it.
      return Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true })
    },
  }
}

/** What axios says when `timeout` is over. */
export function timeoutMessage({ timeout, timeoutErrorMessage }: AdapterConfig): string {
  return timeoutErrorMessage || `timeout of ${timeout}ms exceeded`
}

/** `undefined`: not an absolute URL. */
export function originOf(url: string | undefined, base?: string): string | undefined {
  return url !== undefined && URL.canParse(url, base) ? new URL(url, base).origin : undefined
}

/** An instance does not show its `AxiosError`; but a cancelled request brings a `CanceledError`, which extends it. */
async function axiosErrorClass(axios: AxiosInternals): Promise<AxiosErrorClass> {
  const canceled: unknown = await axios.request({ url: '', signal: AbortSignal.abort() }).catch((e) => e)
  return Object.getPrototypeOf(Object.getPrototypeOf(canceled)).constructor
}
