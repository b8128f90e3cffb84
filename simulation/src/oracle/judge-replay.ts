import type { ServerToken } from '../server/token-family.js'
import type { DeliveredArm, Presentation } from './ledger.js'
import type { Bench, JudgedProvider } from './oracle.js'

/** Most sends of one token without an answer before pauses begin. */
const FREE_SENDS = 3

const STORE_TIMEOUT_MS = 5_000

/** P8: a token whose outcome is unknown is sent again as the provider's replay rule says, and not for ever. */
export function judgeReplay(
  bench: Bench,
  provider: JudgedProvider,
  token: ServerToken,
  arm: DeliveredArm,
): void {
  const { ledger, store } = bench
  const grant = token.family.grantId
  if (!bench.remembers(grant)) return
  const earlier = (ledger.presentations.get(token.text) ?? []).filter((each) => isUnknown(provider, each))
  const sameLink = earlier.filter((each) => each.arm?.record.generation === arm.record.generation)
  const last = sameLink.at(-1)
  // Armed before and sent after it: by a machine that stood still, and judged by its lease.
  if (!last?.arm || arm.armedAtMs < last.arm.armedAtMs) return
  if (sameLink.length >= FREE_SENDS) {
    const waitedMs = arm.armedAtMs - last.arm.armedAtMs
    const owedMs = Math.min(60_000 * 2 ** (sameLink.length - FREE_SENDS), 3_600_000)
    if (waitedMs < owedMs - STORE_TIMEOUT_MS) {
      bench.violated(
        'P8 alive',
        `send number ${sameLink.length + 1} of one token came after ${Math.round(waitedMs)} ms`,
        grant,
      )
    }
  }
  const { reuse, graceMs } = provider.plan.kind
  if (reuse !== 'revokes-grant') return
  const { requestTimeoutMs } = provider.timings
  const first = sameLink[0]?.arm?.armedAtMs ?? 0
  // The decision lies before the connection stands.
  const decidedAtMs = arm.lookedAtMs
  if (decidedAtMs + requestTimeoutMs < first + graceMs + 50) return
  const { access } = token
  const isRejected = ledger.rejected.has(access.text) || access.dead
  const leftMs = (arm.record.expiresAtMs ?? Number.POSITIVE_INFINITY) - store.nowMs()
  // How late the store's clock reads depends on how long the answer was under way: at most its timeout.
  if (leftMs > STORE_TIMEOUT_MS && !isRejected) {
    const what = `sent again though reuse revokes the grant and its access token works for ${Math.round(leftMs)} ms more`
    bench.violated('P8 alive', what, grant)
  }
}

/** Not counted: what is certain not to have spent it, and what was answered. */
function isUnknown({ plan }: JudgedProvider, { request }: Presentation): boolean {
  const { reply, read } = request
  if (request.readAtMs === undefined || !reply) return true
  // The status says it, whatever came of the body.
  if (reply.status === 429 || (reply.status === 503 && plan.kind.unspent503)) return false
  if (request.got.includes('"invalid_client"')) return false
  // Of a torn refusal enough may be left: then it is sent again only to be refused under the lease.
  if (reply.label === 'refused' && REFUSED.test(request.got)) return false
  if (read !== 'whole') return true
  return reply.label !== 'rotated' && reply.label !== 'renewed' && reply.label !== 'refused'
}

const REFUSED = /"invalid_grant"|"bad_refresh_token"|"unauthorized_client"|The refresh token is invalid/
