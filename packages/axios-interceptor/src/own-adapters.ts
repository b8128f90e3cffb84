import type { Adapter, AdapterConfig } from './axios-like.js'

/** What one copy of axios shows of itself; `getAdapter` since 1.5. */
interface AxiosCopy {
  readonly AxiosError: unknown
  readonly defaults: { readonly adapter?: unknown }
  readonly getAdapter?: (adapters: unknown, config: AdapterConfig) => Adapter
}

/** The adapter that a config names, as the copy of axios would choose it. */
export type GetAdapter = (config: AdapterConfig) => Adapter

/**
 * Adapters given by name are private to a copy of axios, and importing axios here may bring another copy than the one
 * that made an instance: the CommonJS one beside the ESM one, or another version. Its error class tells.
 *
 * @param errorClass - `AxiosError` of the instance's copy.
 * @returns `undefined` when that copy cannot be found from here, or is older than 1.5
 */
export async function ownAdapters(errorClass: unknown): Promise<GetAdapter | undefined> {
  for (const find of [loadedCommonJs, importedModule]) {
    const copy = await find()
    if (!copy?.getAdapter || copy.AxiosError !== errorClass) continue
    const { getAdapter } = copy
    return (config) => getAdapter(config.adapter ?? copy.defaults.adapter, config)
  }
  return undefined
}

/** The copy that `require` gives, if somebody has required it: loading it for this would be a waste. */
function loadedCommonJs(): AxiosCopy | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): ModuleModule | undefined }
  }
  const module = process?.getBuiltinModule?.('node:module')
  if (!module) return undefined
  const require = module.createRequire(import.meta.url)
  try {
    return require.cache[require.resolve('axios')]?.exports as AxiosCopy | undefined
  } catch {
    // Bundled, or installed where it cannot be found from here.
    return undefined
  }
}

async function importedModule(): Promise<AxiosCopy | undefined> {
  try {
    return (await import('axios')).default as unknown as AxiosCopy
  } catch {
    return undefined
  }
}

interface ModuleModule {
  createRequire(from: string): {
    resolve(name: string): string
    readonly cache: Readonly<Record<string, { readonly exports: unknown } | undefined>>
  }
}
