import { isNodeStream, isWebStream } from './request-body.js'

type Seal = (error: unknown) => unknown

interface NodeStream extends AsyncIterable<unknown> {
  on(event: 'error', listener: (error: unknown) => void): this
  destroy(error?: unknown): this
}

interface NodeStreamModule {
  readonly Readable: { from(source: AsyncIterable<unknown>, options: { objectMode: boolean }): NodeStream }
}

/** Frees the connection of a response that nobody will read. */
export function discardBody(data: unknown): void {
  if (isNodeStream(data)) (data as NodeStream).on('error', () => {}).destroy()
  else if (isWebStream(data)) (data as ReadableStream).cancel().catch(() => {})
}

export function isStream(data: unknown): boolean {
  return isNodeStream(data) || isWebStream(data)
}

/**
 * A response stream with the same content that does not lead back to its request: Node's `IncomingMessage` has
 * the sent headers at `req` and behind `socket`. Errors that it ends with go through `seal`.
 */
export function sealedBody(data: unknown, seal: Seal): unknown {
  return isNodeStream(data)
    ? sealedNodeStream(data as NodeStream, seal)
    : sealedWebStream(data as ReadableStream, seal)
}

function sealedNodeStream(source: NodeStream, seal: Seal): NodeStream {
  const chunks = source[Symbol.asyncIterator]()
  // Not a generator: its `return()` would wait for the next chunk before it let go of the source.
  const iterator = {
    next: () => chunks.next().catch((error: unknown) => Promise.reject(seal(error))),
    async return() {
      source.destroy()
      return { done: true, value: undefined } as const
    },
  }
  const sealed = readableFrom({ [Symbol.asyncIterator]: () => iterator })
  // Heard also while nobody reads, and no crash while nobody listens: as with the stream axios gives.
  source.on('error', (error) => sealed.destroy(seal(error)))
  return sealed.on('error', () => {})
}

/** Not imported: this package also loads where there are no Node streams, and then nobody asks for one. */
function readableFrom(source: AsyncIterable<unknown>): NodeStream {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): NodeStreamModule }
  }
  return process.getBuiltinModule('node:stream').Readable.from(source, { objectMode: false })
}

function sealedWebStream(source: ReadableStream, seal: Seal): ReadableStream {
  const reader = source.getReader()
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (error) {
        controller.error(seal(error))
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
