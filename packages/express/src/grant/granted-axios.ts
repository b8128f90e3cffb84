import { heard } from './heard.js'

/** Where the config of a request stands among the arguments of an Axios instance's methods. */
const CONFIG_AT: Readonly<Record<string, number>> = {
  request: 0,
  get: 1,
  delete: 1,
  head: 1,
  options: 1,
  post: 2,
  put: 2,
  patch: 2,
  query: 2,
  postForm: 2,
  putForm: 2,
  patchForm: 2,
}

type Call = (...args: unknown[]) => unknown

/**
 * An Axios instance whose requests name a grant in their config (`evergrant: { grantId }`, which the interceptor of
 * `@evergrant/axios-interceptor` reads). Interceptors and defaults remain those of `instance`, which is not changed.
 */
export function grantedAxios<T extends object>(instance: T, grantId: () => Promise<string>): T {
  const named = (call: Call, at: number): Call => {
    async function withGrant(args: unknown[]): Promise<unknown> {
      // `request(url, config)` and `api(url, config)`, besides `request(config)` and `api(config)`.
      const configAt = at === 0 && typeof args[0] === 'string' ? 1 : at
      const config = args[configAt] as object | undefined
      args[configAt] = { evergrant: { grantId: await grantId() }, ...config }
      return call(...args)
    }
    return (...args) => heard(withGrant(args))
  }
  return new Proxy(instance, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      const configAt =
        typeof name === 'string' && Object.hasOwn(CONFIG_AT, name) ? CONFIG_AT[name] : undefined
      return configAt === undefined || typeof value !== 'function'
        ? value
        : named((value as Call).bind(target), configAt)
    },
    apply: (target, _, args: unknown[]) => named(target as Call, 0)(...args),
  })
}
