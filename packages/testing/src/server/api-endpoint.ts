import type { IncomingMessage } from 'node:http'
import { jsonAnswer } from './answer.js'
import { fingerprint } from './fingerprint.js'
import { requestUrl } from './request-url.js'
import type { EndpointStep } from './serve-request.js'
import type { ServerState } from './server-state.js'

/**
 * Any path under `/api/`: checks the Bearer token and answers what it received (`method`, `path`, `query`,
 * `contentType`, `body` parsed where it is JSON, `bodyText`), so that tests can compare replays. Never echoes a token.
 */
export function apiEndpoint(state: ServerState): (request: IncomingMessage) => EndpointStep {
  const { behaviour, families, now } = state
  return (request) => {
    const { headers, method } = request
    const token = /^bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1]
    let bodyText = ''
    return {
      identify(body, record) {
        bodyText = body
        const family = token === undefined ? null : families.familyOf(token)
        record.update({ presented: token === undefined ? null : fingerprint(token), family })
        return { path: 'api', grantType: null, clientId: null, family }
      },
      process(record) {
        const access = token === undefined ? null : families.checkAccess(token, now())
        if (!access) {
          record.update({ decision: 'unauthenticated' })
          return { answer: jsonAnswer(401, { message: 'Unauthenticated.' }), granted: false }
        }
        record.update({ decision: 'ok', clientId: access.owner.clientId })
        if (behaviour().apiStatus === 204)
          return { answer: { status: 204, headers: {}, body: '' }, granted: true }
        const { pathname, searchParams } = requestUrl(request)
        const echo = {
          method,
          path: pathname,
          query: Object.fromEntries(searchParams),
          sub: access.owner.sub,
          contentType: headers['content-type'] ?? null,
          body: parsed(bodyText),
          bodyText,
        }
        return { answer: jsonAnswer(200, echo), granted: true }
      },
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
