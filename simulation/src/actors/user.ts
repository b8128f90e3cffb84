import { markClocks, sleptMs } from '../fleet/clock-mark.js'
import type { FleetProcess } from '../fleet/fleet-process.js'
import { judgeSilence } from '../oracle/judge-hand-outs.js'
import type { JudgedProvider } from '../oracle/oracle.js'
import type { World } from '../run/world.js'
import { isEvergrant } from './own-error.js'

const TRY_AGAIN_MS = 1_000
const MOST_TRIES = 40

/** A user authorizes: by the code flow, or as a reply that the application already has. */
export async function authorize(
  world: World,
  owner: FleetProcess,
  { plan, server }: JudgedProvider,
  grantId: string,
  how: 'code' | 'reply',
): Promise<boolean> {
  const manager = owner.managers.get(plan.id)
  if (!manager) return false
  const wait = (): Promise<void> =>
    new Promise((resolve) => owner.process.post(TRY_AGAIN_MS, 'user tries again', resolve))
  world.tell(() => `${owner.process.name}: the user authorizes ${grantId} by ${how}`)
  const { authorizing } = owner
  authorizing.set(grantId, (authorizing.get(grantId) ?? 0) + 1)
  for (let tries = 0; tries < MOST_TRIES && !owner.closing; tries++) {
    try {
      if (how === 'reply') {
        const token = server.book.authorize(grantId, world.time.nowMs)
        const expires_in = plan.accessLifeMs / 1000
        const calledAt = markClocks(owner.process, world.time)
        const reply = { access_token: token.access.text, refresh_token: token.text, expires_in }
        const { writtenLateByMs } = world.verdicts.bench.ledger
        // A machine that sleeps meanwhile, and whose clocks do not show it, writes the expiry down too late; it is stored
        // before its caller hears of it, and what failed may be stored later.
        const sleptSoFarMs = (): number => sleptMs(owner.process, calledAt, world.time)
        writtenLateByMs.set(token.access.text, sleptSoFarMs)
        await manager.saveGrant(grantId, reply).finally(() => {
          const slept = sleptSoFarMs()
          writtenLateByMs.set(token.access.text, () => slept)
        })
      } else {
        const code = server.issueCode(grantId)
        const redirectUri = 'https://app.example/callback'
        await manager.exchangeCode(grantId, {
          callback: `?code=${code}&state=s`,
          state: 's',
          codeVerifier: 'v',
          redirectUri,
        })
      }
      authorizing.set(grantId, (authorizing.get(grantId) ?? 1) - 1)
      return true
    } catch (error) {
      judgeSilence(world.verdicts.bench, 'an error of an authorization', error)
      world.verdicts.bench.reached(`authorize: ${isEvergrant(error)?.code ?? 'left'}`)
      await wait()
    }
  }
  return false
}
