/** What `fetch` reads without using it up; anything else (streams, iterators) can be sent once. */
export function isReplayable(body: unknown): boolean {
  return (
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  )
}

/**
 * A request as it is at the call, which is when `fetch` itself reads it: what the application does with its objects while
 * the token is waited for changes neither the request nor its replay.
 */
export function takenNow(init: RequestInit): RequestInit {
  const { body } = init
  return body === undefined || body === null || typeof body === 'string'
    ? { ...init }
    : { ...init, body: copyOf(body) }
}

function copyOf(body: BodyInit): BodyInit {
  if (body instanceof URLSearchParams) return new URLSearchParams(body)
  if (body instanceof ArrayBuffer) return body.slice(0)
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice()
  if (!(body instanceof FormData)) return body
  const copy = new FormData()
  // A file keeps its name.
  for (const [name, value] of body) copy.append(name, value as Blob)
  return copy
}
