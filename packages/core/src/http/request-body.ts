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
  const taken = Object.getPrototypeOf(init) === Object.prototype ? { ...init } : withInherited(init)
  if (taken.body !== undefined && taken.body !== null) taken.body = copyOf(taken.body)
  return taken
}

/** Those of the Fetch standard, and `dispatcher` of Node. */
const MEMBERS =
  `method headers body duplex signal redirect keepalive dispatcher mode credentials cache referrer
  referrerPolicy integrity priority window`.split(/\s+/) as (keyof RequestInit)[]

/** Of an object with a class or a prototype, another `Request` say, `fetch` also reads what is inherited. */
function withInherited(init: RequestInit): RequestInit {
  const all = MEMBERS.map((name) => [name, init[name]])
  return { ...init, ...Object.fromEntries(all.filter(([, value]) => value !== undefined)) }
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
