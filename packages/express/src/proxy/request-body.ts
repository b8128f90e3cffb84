import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { onDisconnect } from '../grant/client-disconnect.js'

/**
 * What a request brings. `whole`: all of it is here, and can be sent again. `stream`: more than the buffer takes; the
 * beginning is here, the rest is read as it is sent, once.
 */
export type RequestBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'stream'; readonly head: Buffer; readonly lengthBytes: number | undefined }

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
}

/** Methods whose requests say that they have no body (RFC 9110, section 8.6); Node would send them in chunks. */
const MEAN_A_BODY = new Set(['POST', 'PUT', 'PATCH'])

/** Sets the framing by itself: what the client claimed counts only as far as Node has checked it. */
export function framingOf(body: RequestBody, method: string): string[] {
  if (body.kind === 'none') return MEAN_A_BODY.has(method) ? ['Content-Length', '0'] : []
  const length = body.kind === 'whole' ? body.bytes.length : body.lengthBytes
  return length === undefined ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(length)]
}

/**
 * Reads until the end or until there is more than `bufferBytes`; a body whose announced length is more is not touched.
 *
 * @throws BodyTooLarge when the announced length is more than `maxBytes`
 * @throws the client's disconnect
 */
export function readBody(
  req: IncomingMessage,
  limits: { readonly bufferBytes: number; readonly maxBytes: number },
  res: ServerResponse,
): RequestBody | Promise<RequestBody> {
  const { 'content-length': announced, 'transfer-encoding': encoding } = req.headers
  if (announced === undefined && encoding === undefined) return { kind: 'none' }
  // With both, which Node takes only when told to be lenient, the chunks count.
  const lengthBytes = encoding === undefined ? Number(announced) : undefined
  if (lengthBytes !== undefined && lengthBytes > limits.maxBytes) throw new BodyTooLarge()
  if (lengthBytes !== undefined && lengthBytes > limits.bufferBytes) {
    return { kind: 'stream', head: Buffer.alloc(0), lengthBytes }
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      size += chunk.length
      if (size <= limits.bufferBytes) return
      req.pause()
      req.off('data', onData).off('end', onEnd)
      resolve({ kind: 'stream', head: Buffer.concat(chunks, size), lengthBytes: undefined })
    }
    const onEnd = (): void => {
      resolve({ kind: 'whole', bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size) })
    }
    req.on('data', onData).on('end', onEnd)
    onDisconnect(res, reject)
  })
}

/**
 * Sends the body, at the pace at which the API takes it. A client that leaves in the middle, or sends more than
 * `maxBytes`, breaks the request off: the API never takes a part for the whole.
 */
export function sendBody(
  req: IncomingMessage,
  body: RequestBody,
  call: ClientRequest,
  maxBytes: number,
): void {
  if (body.kind === 'none') call.end()
  else if (body.kind === 'whole') sendWhole(body.bytes, call)
  else sendStream(req, body, call, maxBytes)
}

function sendStream(
  req: IncomingMessage,
  body: Extract<RequestBody, { kind: 'stream' }>,
  call: ClientRequest,
  maxBytes: number,
): void {
  let size = body.head.length
  const onData = (chunk: Buffer): void => {
    size += chunk.length
    if (size > maxBytes) return void call.destroy(new BodyTooLarge())
    if (!call.write(chunk)) req.pause()
  }
  const onEnd = (): void => void call.end()
  // When the answer is complete already, Node tells of a client that leaves nowhere else.
  const onClose = (): void => {
    if (!req.complete) call.destroy()
  }
  call.on('drain', () => req.resume())
  call.once('close', () => {
    req.off('data', onData).off('end', onEnd).socket.off('close', onClose)
    // What is left is read and dropped, so that the client can hear the answer.
    req.resume()
  })
  req.on('data', onData).on('end', onEnd).socket.on('close', onClose)
  if (size > maxBytes) call.destroy(new BodyTooLarge())
  else if (size === 0 || call.write(body.head)) req.resume()
}

/** Longer bodies go in pieces: what Node is given at once counts as moved at once. */
const PIECE_BYTES = 65_536

function sendWhole(bytes: Buffer, call: ClientRequest): void {
  if (bytes.length <= PIECE_BYTES) return void call.end(bytes)
  let sentBytes = 0
  const sendMore = (): void => {
    while (sentBytes < bytes.length) {
      const piece = bytes.subarray(sentBytes, sentBytes + PIECE_BYTES)
      sentBytes += piece.length
      if (!call.write(piece)) return void call.once('drain', sendMore)
    }
    call.end()
  }
  sendMore()
}
