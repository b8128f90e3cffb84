import type { TokenManager } from '@evergrant/core'

/** The mistake of a programmer, told at construction: names the option. */
export function optionError(name: string, problem: string): TypeError {
  return new TypeError(`@evergrant/express: option '${name}' ${problem}`)
}

export function checkTokens(tokens: unknown): void {
  if (typeof (tokens as TokenManager | undefined)?.reportRejected !== 'function') {
    throw optionError('tokens', 'must be a TokenManager')
  }
}

export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw optionError(name, 'must be a function')
}

export function checkWhole(name: string, value: unknown, min: number, max: number): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw optionError(name, `must be a whole number from ${min} to ${max}`)
  }
  return value as number
}

/** Origins, compared exactly as a browser writes them. */
export function checkOrigins(name: string, value: unknown): ReadonlySet<string> {
  if (!Array.isArray(value)) throw optionError(name, 'must be an array of origins')
  for (const origin of value as unknown[]) {
    const good = typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin
    if (!good) throw optionError(name, "must be origins such as 'https://app.example.com'")
  }
  return new Set(value as string[])
}
