import { type Answer, inFormat, jsonAnswer } from './answer.js'
import type { Fault, RetryAfterFault } from './fault.js'

function retryAfter(
  { retryAfterMs, retryAfterFormat = 'seconds' }: RetryAfterFault,
  nowMs: number,
): Record<string, string> {
  if (retryAfterMs === undefined) return {}
  const date = new Date(Math.ceil((nowMs + retryAfterMs) / 1000) * 1000)
  return {
    'retry-after':
      retryAfterFormat === 'seconds' ? String(Math.ceil(retryAfterMs / 1000)) : date.toUTCString(),
  }
}

const page = (status: number, title: string): Answer => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: `<!DOCTYPE html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`,
})

const statusText: Readonly<Record<number, string>> = {
  500: 'Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/**
 * The answer that a fault gives instead of `answer` (the server's own; `null` before it has one).
 * `undefined` for faults that spoil the delivery and not the answer.
 */
export function faultAnswer(fault: Fault, answer: Answer | null, nowMs: number): Answer | undefined | null {
  switch (fault.kind) {
    case 'status': {
      const message = statusText[fault.status] ?? `Status ${fault.status}`
      return jsonAnswer(fault.status, { message }, retryAfter(fault, nowMs))
    }
    case 'throttled':
      return jsonAnswer(429, { message: 'Too Many Attempts.' }, retryAfter(fault, nowMs))
    case 'error': {
      const { error, description, status = 400, format = 'json' } = fault
      const fields = { error, ...(description === undefined ? {} : { error_description: description }) }
      return inFormat(jsonAnswer(status, fields), format, undefined)
    }
    case 'invalid-client':
      return jsonAnswer(
        401,
        { error: 'invalid_client', error_description: 'Client authentication failed' },
        { 'www-authenticate': 'Basic realm="OAuth"' },
      )
    case 'unauthorized-client':
      return jsonAnswer(403, { error: 'unauthorized_client', error_description: 'refresh_token is invalid' })
    case 'refused-with-200': {
      const fields = {
        error: 'bad_refresh_token',
        error_description: 'The refresh token passed is incorrect or expired.',
      }
      return inFormat(jsonAnswer(200, fields), fault.format ?? 'json', undefined)
    }
    case 'unauthenticated':
      return jsonAnswer(401, { message: 'Unauthenticated.' })
    case 'malformed-json':
      return { ...jsonAnswer(200, {}), body: '{"expires_in": 31536000, access_token: oops, }' }
    case 'truncated-json':
      return answer && { ...answer, body: answer.body.slice(0, Math.ceil(answer.body.length / 2)) }
    case 'html':
      return page(200, 'Welcome')
    case 'firewall':
      return page(403, 'Access denied')
    case 'redirect':
      return { status: fault.status ?? 302, headers: { location: fault.location ?? '/moved' }, body: '' }
    case 'missing-access-token':
      return answer && withFields(answer, { access_token: null })
    case 'reply-fields':
      return answer && withFields(answer, fault.fields)
    case 'latency':
    case 'cut':
    case 'oversized':
    case 'endless':
    case 'slow-bytes':
    case 'hang':
      return undefined
  }
}

/** Changes fields of an answer; `null` leaves one out. The result is JSON. */
function withFields(answer: Answer, changes: Readonly<Record<string, unknown>>): Answer {
  const fields = Object.entries({ ...answer.fields, ...changes }).filter(([, value]) => value !== null)
  return jsonAnswer(answer.status, Object.fromEntries(fields), answer.headers)
}
