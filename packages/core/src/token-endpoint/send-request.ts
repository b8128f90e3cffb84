import type { Clock } from '../time/clock.js'
import { clampTimer } from '../time/patience.js'
import { parseLimits } from './parse-limits.js'
import { parseBody, type TokenEndpointReply } from './parse-reply.js'
import type { PreparedRequest } from './token-request.js'

/** How a request ended. */
export type SendResult =
  /** No byte of the body left, for certain. */
  | { readonly kind: 'not-sent'; readonly reason: string }
  /** Bytes left and no reply was read: nobody can know what the server did. */
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'reply'; readonly reply: TokenEndpointReply }

export interface SendOptions {
  readonly fetch: typeof fetch
  readonly clock: Clock
  /**
   * Asked when the connection stands and the body is wanted; only `true` lets the bytes leave. It must not
   * answer `true` after `ended()` says that the request is over.
   */
  readonly release: (ended: () => boolean) => Promise<boolean>
  /** How long to connect and wait for the release, milliseconds. */
  readonly connectTimeoutMs: number
  /** How long to wait for the whole reply after the bytes left, milliseconds. */
  readonly requestTimeoutMs: number
}

/** A token reply is a few kilobytes; what is larger is an accident or an attack. */
const MAX_REPLY_BYTES = 1024 * 1024

const LONGEST_GRACE_MS = 100

/** Stands for an `error` that repeats what was sent: there was one, and it is no code. */
const ECHO = '(echo)'

/**
 * Sends one request whose body waits for its release.
 *
 * `fetch` pulls a stream only on a standing connection, honours the content length, and puts no byte on the
 * wire when the pull fails. This needs `redirect: 'error'`: with any other mode it copies the request and
 * pulls the body before the connection stands. A fresh connection each time (`connection: close`), because
 * on a kept one a reset cannot be told from a request that was served.
 */
export async function sendRequest(request: PreparedRequest, options: SendOptions): Promise<SendResult> {
  const { clock } = options
  const abort = new AbortController()
  let released = false
  let over = false
  let releasing: Promise<void> | undefined
  let timer = clock.setTimeout(() => abort.abort(), clampTimer(options.connectTimeoutMs))

  /**
   * After a freeze the runtime runs timers before it reads sockets: a reply that lies there already gets one more
   * moment, or waking up would throw away the successor.
   */
  function giveUpSoon(): void {
    const graceMs = Math.min(LONGEST_GRACE_MS, options.requestTimeoutMs / 10)
    timer = clock.setTimeout(() => abort.abort(), graceMs)
  }

  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        releasing = options
          .release(() => over)
          .then((go) => {
            if (!go || over) throw new Error('not released')
            released = true
            clock.clearTimeout(timer)
            timer = clock.setTimeout(giveUpSoon, clampTimer(options.requestTimeoutMs))
            controller.enqueue(request.body)
            controller.close()
          })
        return releasing
      },
    },
    { highWaterMark: 0 },
  )
  request.headers.set('content-length', String(request.body.byteLength))
  request.headers.set('connection', 'close')
  try {
    const response = await options.fetch(request.url, {
      method: 'POST',
      headers: request.headers,
      body,
      redirect: 'error',
      signal: abort.signal,
      cache: 'no-store',
      credentials: 'omit',
      // Not in the DOM's types yet; without it a stream is refused as a body.
      ...({ duplex: 'half' } as object),
    })
    if (!released) {
      // Something on the way answers whoever connects. What leaves after that would go unread, and might be counted as
      // not sent: from here on nothing leaves, and a release under way ends before anyone acts on the answer.
      over = true
      await releasing?.catch(() => {})
    }
    const { text, complete } = await readText(response)
    const { members, wellFormed } = parseBody(text, complete)
    // Of all that a server says only these two are passed on.
    if (isText(members.error) && request.isEcho(members.error)) members.error = ECHO
    if (isText(members.scope) && request.isEcho(members.scope)) delete members.scope
    const limits = parseLimits(response.headers, clock.now())
    return { kind: 'reply', reply: { status: response.status, members, wellFormed, ...limits } }
  } catch (error) {
    over = true
    // The release may be under way: its store step must have ended before anyone acts on the outcome.
    await releasing?.catch(() => {})
    const reason = abort.signal.aborted ? (released ? 'no_reply' : 'not_connected') : systemCode(error)
    return { kind: released ? 'unknown' : 'not-sent', reason }
  } finally {
    over = true
    clock.clearTimeout(timer)
    abort.abort()
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'

/** As much of the body as is to be had; a cut or an oversized one is not complete. */
async function readText(response: Response): Promise<{ text: string; complete: boolean }> {
  if (!response.body) return { text: '', complete: true }
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  let text = ''
  let bytes = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { text: text + decoder.decode(), complete: true }
      bytes += value.byteLength
      text += decoder.decode(value, { stream: true })
      if (bytes > MAX_REPLY_BYTES) return { text, complete: false }
    }
  } catch {
    // Cut or timed out: what has arrived may hold the successor.
    return { text, complete: false }
  } finally {
    reader.cancel().catch(() => {}) // Already closed or failed: nothing is left to cancel.
  }
}

/** A system error code such as `ECONNREFUSED`, never a message: messages may quote what was sent. */
function systemCode(error: unknown): string {
  for (let each: unknown = error; typeof each === 'object' && each !== null; each = (each as Error).cause) {
    const { code } = each as { code?: unknown }
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code)) return code
  }
  return 'network_error'
}
