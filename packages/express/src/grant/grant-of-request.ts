import { EvergrantError, type TokenManager } from '@evergrant/core'
import type { Request } from 'express'
import { optionError } from '../check-options.js'

/**
 * Whose grant a request is about: one for all, or found from the request, usually from its session. `undefined`:
 * this request has none. Never take it from what the client may write, unless you check that it is the client's own.
 */
export type GrantIdOption = string | ((req: Request) => string | undefined | Promise<string | undefined>)

export function checkGrantId(grantId: unknown): void {
  if (grantId === '' || !['string', 'function'].includes(typeof grantId)) {
    throw optionError('grantId', 'must be a non-empty string or a function')
  }
}

/** @throws EvergrantError `GRANT_NOT_FOUND` when the request has no grant; whatever `grantId` throws */
export async function grantIdOf(
  {
    grantId,
    tokens: { provider },
  }: { readonly grantId: GrantIdOption; readonly tokens: Pick<TokenManager, 'provider'> },
  req: Request,
): Promise<string> {
  const found = typeof grantId === 'function' ? await grantId(req) : grantId
  // JavaScript's sessions often have `null` for nothing.
  if (found === undefined || found === null)
    throw new EvergrantError('GRANT_NOT_FOUND', 'The request has no grant', { provider })
  if (typeof found !== 'string') throw optionError('grantId', 'must return a string or undefined')
  return found
}
