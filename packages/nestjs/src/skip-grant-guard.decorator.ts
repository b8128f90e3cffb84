import { type CustomDecorator, SetMetadata } from '@nestjs/common'

/** Where the decorator leaves its mark for the guard. */
export const SKIP_GRANT_GUARD = 'evergrant:skip-grant-guard'

/**
 * Lets requests to this handler or controller in without a live grant, where `GrantGuard` guards the whole application:
 * log-in, health checks. The connect routes have it: who has no grant yet must reach them.
 *
 * Guards of all managers skip it; on a handler it goes before what the controller says.
 *
 * @param skip - `false`: guarded, though the controller is not. @defaultValue `true`
 */
export function SkipGrantGuard(skip = true): CustomDecorator {
  return SetMetadata(SKIP_GRANT_GUARD, skip)
}
