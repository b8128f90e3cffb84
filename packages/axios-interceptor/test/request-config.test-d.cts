// Compiled, not run: the types as a CommonJS application sees them.
import type { AxiosInstance } from 'axios'
import type { attachTokens as AttachTokens, AttachTokensOptions } from '../src/index.js' with {
  'resolution-mode': 'import',
}

declare const attachTokens: typeof AttachTokens
declare const api: AxiosInstance
declare const tokens: AttachTokensOptions['tokens']

attachTokens(api, { tokens, grantId: ({ url, headers }) => url ?? String(headers.get('x-account')) })
void api.get('/x', { evergrant: { grantId: 'agency' } })
void api.get('/x', { evergrant: false })
// @ts-expect-error a grant is named by a string
void api.get('/x', { evergrant: { grantId: 42 } })
