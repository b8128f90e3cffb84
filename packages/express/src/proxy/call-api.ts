import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import { type AccessToken, EvergrantError } from '@evergrant/core'
import { onDisconnect } from '../grant/client-disconnect.js'
import { ApiUnreachable } from './api-unreachable.js'
import type { RawHeaders } from './headers.js'
import { watchIdle } from './idle-watch.js'
import type { ProxySettings } from './proxy-options.js'
import { BodyTooLarge } from './request-body.js'

export interface ApiCall {
  readonly settings: Pick<ProxySettings, 'target' | 'agent' | 'idleTimeoutMs'>
  readonly method: string
  readonly path: string
  /** With `Host`, without `Authorization`, which only stands here. */
  readonly headers: RawHeaders
  /** Once more, when the API closed a kept connection just when it was taken: what changes something may have been done. */
  readonly mayRepeat: boolean
  /** When its client leaves the call ends, also when the answer has begun. */
  readonly res: ServerResponse
  /**
   * Takes the answer, in the very event that it comes with: its body then flows on without being kept first. Lets go
   * of the answer when it throws.
   */
  readonly give: (answer: IncomingMessage, token: AccessToken) => void
}

/**
 * Sends one request and gives its answer, whatever the status. Follows no redirect, decodes nothing. When the answer
 * breaks off later, its stream fails.
 *
 * @param write - Writes the body and ends the request.
 * @returns once the answer has begun; a 401 instead of giving it, if `asks401`
 * @throws ApiUnreachable
 * @throws EvergrantError `INVALID_REPLY` when no header can carry the token
 * @throws what `give` throws
 * @throws what the request was destroyed with: the client's disconnect, or an error of `write`
 */
export function callApi(
  api: ApiCall,
  token: AccessToken,
  write: (call: ClientRequest) => void,
  asks401: boolean,
): Promise<IncomingMessage | undefined> {
  const { method, path, res } = api
  const { target, agent, idleTimeoutMs } = api.settings
  return new Promise((resolve, reject) => {
    const headers = api.headers.concat('Authorization', `Bearer ${token.reveal()}`)
    const { protocol, hostname, port } = target.address
    const options = { protocol, hostname, port, agent, method, path, headers }
    const call = begin(target.secure, options, token)
    // Answered, or given up.
    let isDecided = false
    let given: IncomingMessage | undefined
    const stopWatch = watchIdle(call, {
      idleMs: idleTimeoutMs,
      isOurTurn: () => isOurTurn(call, res.req, given),
      onIdle: () => end(new ApiUnreachable('timeout')),
    })
    const end = (error: Error): void => {
      isDecided = true
      stopWatch()
      // Told here: a call that has no connection yet tells nothing when it is destroyed.
      reject(error)
      call.destroy(error)
    }
    onDisconnect(res, end)
    // An answer that switches protocols, which nobody asked for, Node breaks off by itself.
    call.on('response', (answer) => {
      isDecided = true
      given = answer
      if (asks401 && answer.statusCode === 401) return resolve(answer)
      try {
        api.give(answer, token)
        resolve(undefined)
      } catch (error) {
        reject(error)
      }
    })
    call.on('close', () => {
      stopWatch()
      if (!isDecided) reject(new ApiUnreachable('broken'))
    })
    call.on('error', (error: NodeJS.ErrnoException) => {
      if (isDecided) return
      const isGone = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      const isStale = isGone && call.reusedSocket && call.socket?.bytesRead === readBefore
      if (error instanceof BodyTooLarge) reject(error)
      else if (isStale && api.mayRepeat) resolve(callApi({ ...api, mayRepeat: false }, token, write, asks401))
      else reject(new ApiUnreachable('broken'))
    })
    let readBefore: number | undefined
    call.once('socket', ({ bytesRead }) => {
      readBefore = bytesRead
    })
    write(call)
  })
}

/** Whether it is not the API that everything waits for. */
function isOurTurn(call: ClientRequest, req: IncomingMessage, answer: IncomingMessage | undefined): boolean {
  // The client has not sent all, and the API has taken what there was.
  if (!req.complete && !call.writableNeedDrain) return true
  // On a connection that does not count its bytes only an answer that does not come is seen.
  if (call.socket && call.socket.bytesRead === undefined && (answer || !call.writableFinished)) return true
  if (!answer) return false
  // All is here, and to break off would lose what is not yet passed on.
  if (answer.complete) return !answer.readableEnded
  // Nobody reads it: another token is waited for, or the client is slow.
  return answer.readableFlowing !== true
}

function begin(secure: boolean, options: RequestOptions, { provider, grantId }: AccessToken): ClientRequest {
  try {
    return secure ? httpsRequest(options) : httpRequest(options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_CHAR') throw error
    // Paths and other headers were parsed by Node before: what it refuses now is the token.
    const details = { provider, grantId, reason: 'unusable_access_token' }
    throw new EvergrantError('INVALID_REPLY', 'No HTTP header can carry the access token', details)
  }
}
