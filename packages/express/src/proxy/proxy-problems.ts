import { type Problem, problemWith } from '@evergrant/core'

type Name =
  | 'method'
  | 'header'
  | 'path'
  | 'bodyTooLarge'
  | 'tokenRejected'
  | 'redirect'
  | 'answer'
  | 'unreachable'
  | 'timeout'

/** What the proxy itself answers; `docs/errors.md` has the table. */
export const proxyProblems: Readonly<Record<Name, Problem>> = {
  method: problemWith(
    405,
    'method_refused',
    'This method is not passed on',
    'Use one of the allowed methods.',
  ),
  header: problemWith(
    403,
    'header_required',
    'A header is missing',
    'Send the header that this application asks for with every request.',
  ),
  path: problemWith(400, 'path_refused', 'This path is not passed on', 'Use a plain path below this one.'),
  bodyTooLarge: problemWith(413, 'body_too_large', 'The body is too large', 'Send less at once.'),
  tokenRejected: {
    ...problemWith(
      503,
      'token_rejected',
      'The API refused the first try',
      'Send the request again: its body was too long to be kept here for a second try.',
    ),
    retryAfterSeconds: 0,
  },
  redirect: problemWith(
    502,
    'redirect_refused',
    'The API pointed elsewhere',
    'Tell the operator of this application.',
  ),
  answer: problemWith(
    502,
    'answer_unusable',
    'The API answered unclearly',
    'Tell the operator of this application.',
  ),
  unreachable: problemWith(
    502,
    'api_unreachable',
    'The API cannot be reached, or hung up',
    'Try again in a moment. A request that changes something may have been carried out.',
  ),
  timeout: problemWith(
    504,
    'api_timeout',
    'The API did not answer in time',
    'Try again in a moment. A request that changes something may have been carried out.',
  ),
}
