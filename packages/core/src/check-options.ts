/** The mistake of a programmer, told at construction or at the call: names the option, changes nothing. */
export function optionError(name: string, problem: string): TypeError {
  return new TypeError(`Evergrant: option '${name}' ${problem}`)
}

export function checkNumber(
  name: string,
  value: unknown,
  range: { readonly min: number; readonly max?: number; readonly integer?: boolean },
): number {
  const { min, max = Number.MAX_SAFE_INTEGER, integer = false } = range
  if (typeof value !== 'number' || !(value >= min && value <= max) || (integer && !Number.isInteger(value))) {
    const kind = integer ? 'a whole number' : 'a number'
    throw optionError(name, `must be ${kind} from ${min} to ${max}`)
  }
  return value
}

const utf8 = new TextEncoder()

/** Ids are keys in every kind of store: 1–255 bytes, nothing that a terminal or a protocol would act on. */
export function checkId(name: string, value: unknown): string {
  if (typeof value !== 'string') throw optionError(name, 'must be a string')
  const bytes = utf8.encode(value).length
  if (bytes < 1 || bytes > 255)
    throw optionError(name, `must have 1 to 255 bytes of UTF-8, this has ${bytes}`)
  if (/\p{Cc}/u.test(value)) throw optionError(name, 'must not have control characters')
  if (/\p{Surrogate}/u.test(value)) throw optionError(name, 'must be well-formed Unicode')
  return value
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** An absolute URL without credentials or fragment, over TLS unless it stays on this machine. */
export function checkEndpoint(name: string, value: unknown, allowHttp: boolean): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  if (!url) throw optionError(name, 'must be an absolute URL')
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw optionError(name, 'must have neither credentials nor a fragment')
  }
  if (!isSafe(url, allowHttp)) throw optionError(name, 'must use https (http is for loopback only)')
  return url.href
}

/** Whether what is sent there travels over TLS, or stays on this machine. */
export function isSafe(url: URL, allowHttp: boolean): boolean {
  if (url.protocol === 'https:') return true
  return url.protocol === 'http:' && (allowHttp || LOOPBACK.test(url.hostname))
}
