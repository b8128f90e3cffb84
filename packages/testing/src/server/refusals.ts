import { type Answer, inFormat, jsonAnswer } from './answer.js'
import type { RefusalShape, ServerBehaviour } from './behaviour.js'
import type { RefusalCause } from './families.js'

const hints: Readonly<Record<RefusalCause, string>> = {
  unknown: 'Cannot decrypt the refresh token',
  'other-client': 'Token is not linked to client',
  expired: 'Token has expired',
  revoked: 'Token has been revoked',
}

/** An error in Laravel Passport's form: `message` repeats the description, `hint` says more. */
export function passportError(
  status: number,
  error: string,
  description: string,
  hint?: string,
  headers?: Readonly<Record<string, string>>,
): Answer {
  return jsonAnswer(
    status,
    {
      error,
      error_description: description,
      ...(hint === undefined ? {} : { hint }),
      message: description,
    },
    headers,
  )
}

function refusal(shape: RefusalShape, cause: RefusalCause): Answer {
  switch (shape) {
    case 'passport-8':
      return passportError(401, 'invalid_request', 'The refresh token is invalid.', hints[cause])
    case 'passport-9':
      return passportError(400, 'invalid_grant', 'The refresh token is invalid.', hints[cause])
    case 'oauth':
      return jsonAnswer(400, {
        error: 'invalid_grant',
        error_description: 'Unknown or invalid refresh token.',
      })
    case 'ok-bad-refresh-token':
      return jsonAnswer(200, {
        error: 'bad_refresh_token',
        error_description: 'The refresh token passed is incorrect or expired.',
        error_uri: 'https://docs.github.com',
      })
    case 'unauthorized-client':
      return jsonAnswer(403, { error: 'unauthorized_client', error_description: 'refresh_token is invalid' })
  }
}

/** The answer to a refresh token that is no good. */
export function refreshRefused(
  behaviour: ServerBehaviour,
  cause: RefusalCause,
  accept: string | undefined,
): Answer {
  return inFormat(refusal(behaviour.refusal, cause), behaviour.refusalFormat, accept)
}

/** The answer to an authorization code that is no good. */
export function codeRefused(behaviour: ServerBehaviour, hint: string): Answer {
  const description = 'The authorization code is invalid.'
  return behaviour.refusal === 'passport-8'
    ? passportError(400, 'invalid_request', description, hint)
    : passportError(400, 'invalid_grant', description, hint)
}

/** The answer to a wrong client id or secret. */
export function invalidClient(): Answer {
  return passportError(401, 'invalid_client', 'Client authentication failed', undefined, {
    'www-authenticate': 'Basic realm="OAuth"',
  })
}

/** The answer to a request without a parameter it needs: nothing is wrong with any token. */
export function missingParameter(name: string): Answer {
  return passportError(
    400,
    'invalid_request',
    'The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed.',
    `Check the \`${name}\` parameter`,
  )
}

/** The answer to a grant type that this server does not have. */
export function unsupportedGrantType(): Answer {
  return passportError(
    400,
    'unsupported_grant_type',
    'The authorization grant type is not supported by the authorization server.',
    'Check that all required parameters have been provided',
  )
}

/** The answer of a throttle. */
export function tooManyAttempts(headers: Readonly<Record<string, string>>): Answer {
  return jsonAnswer(429, { message: 'Too Many Attempts.' }, headers)
}
