import { Agent } from 'node:http'
import { inspect } from 'node:util'

/** Large enough for what our own objects hold, small enough not to walk a whole framework. */
const MAX_DEPTH = 14
const MAX_BYTES = 1_000_000

/**
 * Everything that a value shows to whoever prints it, serializes it or looks into it: `inspect` with hidden fields,
 * `String`, `JSON.stringify`, the stack, the chain of causes, and every string and byte that properties lead to.
 */
export function textsOf(value: unknown): readonly (readonly [channel: string, text: string])[] {
  const limits = { depth: 10, maxStringLength: null, maxArrayLength: null } as const
  const texts: [string, string][] = [
    ['inspect', inspect(value, { ...limits, showHidden: true })],
    ['inspect with getters', inspect(value, { ...limits, showHidden: true, getters: true })],
    ['template', attempt(() => `${value}`)],
    ['JSON', attempt(() => JSON.stringify(value) ?? '')],
    ['JSON of a spread', attempt(() => JSON.stringify({ ...(value as object) }))],
    ['structuredClone', attempt(() => inspect(structuredClone(value), { ...limits, showHidden: true }))],
  ]
  const causes = new Set<unknown>()
  for (let link = value; link instanceof Error && !causes.has(link); link = link.cause) {
    causes.add(link)
    texts.push(['message', link.message], ['stack', String(link.stack)])
  }
  for (const text of reachable(value)) texts.push(['property', text])
  return texts
}

function attempt(print: () => string): string {
  try {
    return print()
  } catch {
    return '' // Circular, or not to be copied: nothing was printed.
  }
}

/** Hidden and symbol properties too, also of what inherits; getters are not run. */
function reachable(root: unknown): Iterable<string> {
  const found = new Set<string>()
  const seen = new Set<unknown>()
  const walk = (value: unknown, depth: number): void => {
    if (typeof value === 'string') found.add(value)
    if (value === null || !['object', 'function'].includes(typeof value)) return
    // Node keeps the last header of every connection in its pool, which is the application's: SECURITY.md says so.
    if (seen.has(value) || depth > MAX_DEPTH || value instanceof Agent) return
    seen.add(value)
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      if (value.byteLength <= MAX_BYTES) found.add(bytesAsText(value))
      return
    }
    if (value instanceof Map || value instanceof Set) for (const entry of value) walk(entry, depth + 1)
    for (const name of Reflect.ownKeys(value as object)) {
      if (typeof name === 'string') found.add(name)
      const property = Object.getOwnPropertyDescriptor(value, name)
      if (property && 'value' in property) walk(property.value, depth + 1)
    }
  }
  walk(root, 0)
  return found
}

function bytesAsText(value: ArrayBufferView | ArrayBuffer): string {
  const { buffer, byteOffset, byteLength } =
    value instanceof ArrayBuffer ? { buffer: value, byteOffset: 0, byteLength: value.byteLength } : value
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('latin1')
}
