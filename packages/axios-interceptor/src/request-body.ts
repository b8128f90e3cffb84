/** A body as it is sent. */
export interface RequestBody {
  readonly data: unknown
  /** A stream: sent once, gone then. */
  readonly oneShot: boolean
  /** Headers that belong to the bytes, such as a multipart boundary. */
  readonly headers: Readonly<Record<string, string>>
}

interface NodeFormData {
  getBuffer(): unknown
  getHeaders(): Record<string, string>
}

const NO_BODY: RequestBody = { data: undefined, oneShot: false, headers: {} }

/**
 * What an already transformed body is to the adapter, made so that it can be sent twice where that is possible:
 * the `form-data` package (which axios itself uses for `postForm`) is a stream even if it holds only strings and
 * buffers, and is taken as the bytes it stands for.
 */
export function requestBody(data: unknown): RequestBody {
  if (data === undefined) return NO_BODY
  if (isNodeFormData(data)) {
    try {
      return { data: data.getBuffer(), oneShot: false, headers: data.getHeaders() }
    } catch {
      // It holds a stream, which is no bytes yet.
      return { data, oneShot: true, headers: {} }
    }
  }
  return { data, oneShot: isNodeStream(data) || isWebStream(data), headers: {} }
}

function isNodeFormData(data: unknown): data is NodeFormData {
  return hasMethod(data, 'getBuffer') && hasMethod(data, 'getHeaders')
}

export function isNodeStream(value: unknown): boolean {
  return hasMethod(value, 'pipe')
}

export function isWebStream(value: unknown): boolean {
  return hasMethod(value, 'getReader')
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function'
}
