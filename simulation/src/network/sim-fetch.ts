import type { SimProcess } from '../fleet/sim-process.js'
import type { ServerReply } from '../server/authorization-server.js'
import type { Scheduler } from '../time/scheduler.js'

/** What becomes of a connection. */
export type ConnectFate = { readonly kind: 'stands' | 'refused' | 'hangs'; readonly afterMs: number }

/** What becomes of the bytes, decided when they leave. */
export type RequestFate = { readonly kind: 'arrives' | 'lost' | 'cut'; readonly afterMs: number }

/** What becomes of the reply, decided when it leaves. */
export type ReplyFate =
  | { readonly kind: 'arrives'; readonly afterMs: number }
  | { readonly kind: 'lost' }
  | { readonly kind: 'cut'; readonly afterMs: number }
  /** A part of it, then the connection breaks. */
  | { readonly kind: 'half'; readonly afterMs: number; readonly share: number }
  /** In two parts. */
  | { readonly kind: 'dribbles'; readonly afterMs: number; readonly restMs: number }

/** One request as the world sees it. */
export interface SentRequest {
  readonly id: number
  readonly process: SimProcess
  readonly url: string
  readonly body: string
  readonly sentAtMs: number
  arrivedAtMs: number | undefined
  reply: ServerReply | undefined
  /** How much of the reply its sender got: `whole` includes all that was readable of a damaged one. */
  read: 'nothing' | 'part' | 'whole'
  readAtMs: number | undefined
  got: string
  /** What was read holds the whole refresh token that the reply brings. */
  gotSuccessor: boolean
  gaveUpAtMs: number | undefined
  /** Its connection broke before any reply. */
  isBroken: boolean
  /** What the network did with the reply. */
  replyFate: string
}

export interface NetworkLine {
  connect(process: SimProcess, url: string): ConnectFate
  /** The bytes leave now. */
  leaves(request: SentRequest): RequestFate
  /** The request arrives. */
  serve(request: SentRequest): { readonly reply: ServerReply; readonly fate: ReplyFate }
  /** The sender has read what it will ever read. */
  hasRead(request: SentRequest): void
  gaveUp(request: SentRequest): void
  notReleased(process: SimProcess, url: string): void
}

/**
 * `fetch` as Node's behaves with a streaming body and `redirect: 'error'`: the body is pulled only on a standing
 * connection, an error in the pull puts no byte on the wire, and an abort rejects at once, whatever was sent.
 */
export function simFetch(process: SimProcess, line: NetworkLine, time: Scheduler): typeof fetch {
  let ids = 0
  return (input, init = {}) =>
    new Promise<Response>((resolve, reject) => {
      const url = String(input)
      const signal = init.signal as AbortSignal
      const body = (init.body as ReadableStream<Uint8Array>).getReader()
      let request: SentRequest | undefined
      let state: 'open' | 'answered' | 'over' = 'open'
      let failRead: ((error: unknown) => void) | undefined

      process.pending += 1
      const end = (): void => {
        if (state !== 'over') process.pending -= 1
        state = 'over'
      }
      const fail = (error: unknown): void => {
        end()
        reject(error)
        failRead?.(error)
        body.cancel(error).catch(() => {})
      }
      signal.addEventListener('abort', () => {
        if (state === 'over') return
        if (request && request.read !== 'whole') {
          request.gaveUpAtMs = time.nowMs
          line.gaveUp(request)
        }
        fail(signal.reason)
      })
      const breaks = (code: string): void => {
        if (request) request.isBroken = true
        if (state === 'open')
          fail(new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) }))
      }

      async function send(): Promise<void> {
        let text = ''
        try {
          for (;;) {
            const { done, value } = await body.read()
            if (done) break
            text += decoder.decode(value)
          }
        } catch (error) {
          line.notReleased(process, url)
          if (state === 'open') fail(error)
          return
        }
        // Aborted meanwhile: the connection is gone, and no byte was written.
        if (state !== 'open') return
        ids += 1
        request = {
          id: ids,
          process,
          url,
          body: text,
          sentAtMs: time.nowMs,
          arrivedAtMs: undefined,
          reply: undefined,
          read: 'nothing',
          readAtMs: undefined,
          got: '',
          gotSuccessor: false,
          gaveUpAtMs: undefined,
          isBroken: false,
          replyFate: 'none',
        }
        leave(request)
      }

      function leave(sent: SentRequest): void {
        const fate = line.leaves(sent)
        if (fate.kind === 'arrives') time.after(fate.afterMs, 'request arrives', () => arrive(sent))
        if (fate.kind === 'cut') process.post(fate.afterMs, 'connection breaks', () => breaks('ECONNRESET'))
      }

      function arrive(sent: SentRequest): void {
        sent.arrivedAtMs = time.nowMs
        const { reply, fate } = line.serve(sent)
        sent.reply = reply
        switch (fate.kind) {
          case 'lost':
            break
          case 'cut':
            process.post(fate.afterMs, 'connection breaks', () => breaks('ECONNRESET'))
            break
          case 'arrives':
            process.post(fate.afterMs, 'reply', () => answer(sent, reply, [reply.text], 'ends'))
            break
          case 'half':
            process.post(fate.afterMs, 'reply', () =>
              answer(
                sent,
                reply,
                [reply.text.slice(0, Math.floor(reply.text.length * fate.share))],
                'breaks',
              ),
            )
            break
          case 'dribbles': {
            const middle = reply.text.length >> 1
            process.post(fate.afterMs, 'reply', () => {
              const stream = answer(sent, reply, [reply.text.slice(0, middle)], 'goes on')
              process.post(fate.restMs, 'rest of reply', () => stream?.more(reply.text.slice(middle)))
            })
          }
        }
      }

      function finish(sent: SentRequest, { brings }: ServerReply): void {
        sent.readAtMs = time.nowMs
        // Half a token is worse than none: in JSON it ends with its quote, in a form with the whole body.
        sent.gotSuccessor =
          brings !== undefined &&
          (sent.got.startsWith('access_token') ||
          sent.got.startsWith('token_type') ||
          sent.got.startsWith('expires_in')
            ? sent.read === 'whole'
            : sent.got.includes(`"${brings.text}"`))
        line.hasRead(sent)
      }

      /** The headers are there, and some of the body. */
      function answer(
        sent: SentRequest,
        reply: ServerReply,
        chunks: string[],
        then: 'ends' | 'breaks' | 'goes on',
      ): { more(text: string): void } | undefined {
        if (state !== 'open') return undefined
        state = 'answered'
        let after = then
        let waiting:
          | { resolve(result: ReadableStreamReadResult<Uint8Array>): void; reject(error: unknown): void }
          | undefined

        function next(): void {
          if (!waiting) return
          const chunk = chunks.shift()
          const { resolve: give, reject: refuse } = waiting
          if (chunk !== undefined) {
            waiting = undefined
            sent.got += chunk
            sent.read = chunks.length === 0 && after === 'ends' ? 'whole' : 'part'
            give({ done: false, value: encoder.encode(chunk) })
          } else if (after !== 'goes on') {
            waiting = undefined
            if (after === 'ends') sent.read = 'whole'
            end()
            finish(sent, reply)
            if (after === 'ends') give({ done: true, value: undefined })
            else refuse(new TypeError('terminated'))
          }
        }
        failRead = (error) => {
          if (!waiting) return
          finish(sent, reply)
          waiting.reject(error)
        }
        const reader = {
          read: () =>
            new Promise((give, refuse) => {
              waiting = { resolve: give, reject: refuse }
              next()
            }),
          cancel: async () => {},
        }
        const retryAfter = reply.retryAfterS === undefined ? null : String(reply.retryAfterS)
        const headers = { get: (name: string) => (name.toLowerCase() === 'retry-after' ? retryAfter : null) }
        resolve({ status: reply.status, headers, body: { getReader: () => reader } } as unknown as Response)
        return {
          more(text) {
            if (state === 'over') return
            chunks.push(text)
            after = 'ends'
            next()
          },
        }
      }

      const fate = line.connect(process, url)
      if (fate.kind === 'refused')
        process.post(fate.afterMs, 'connection refused', () => breaks('ECONNREFUSED'))
      if (fate.kind === 'stands')
        process.post(fate.afterMs, 'connection stands', () => {
          if (state === 'open') void send()
        })
    })
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
