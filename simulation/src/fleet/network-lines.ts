import type { ConnectFate, NetworkLine, ReplyFate, RequestFate, SentRequest } from '../network/sim-fetch.js'
import { judgeReuse } from '../oracle/judge-losses.js'
import { judgeGivingUp } from '../oracle/judge-replies.js'
import { judgeSend } from '../oracle/judge-sends.js'
import type { Presentation, Whereabouts } from '../oracle/ledger.js'
import type { Fault } from '../reached/faults.js'
import type { Struck } from '../reached/tries.js'
import type { World } from '../run/world.js'
import { SECRET_MARK } from '../server/token-book.js'
import type { ServerToken } from '../server/token-family.js'
import type { FleetProcess } from './fleet-process.js'

/** Reading the store's clock may take one timeout of the store. */
const TOLD_WITHIN_MS = 12_000

/** The way between one process and the token endpoints. */
export function networkLine(world: World, owner: FleetProcess): NetworkLine {
  const { plan, conditions, time, verdicts } = world
  const { bench } = verdicts
  const { ledger } = bench
  const chance = world.chance.fork()
  const rates = plan.faults.network
  const wayMs = (): number => plan.networkLatencyMs * chance.between(0.3, 1)
  const providerOf = (url: string) => bench.providers.get(new URL(url).hostname.split('.')[0] ?? '')

  /** Whether faults may befall what goes there, or what concerns this grant. */
  function isIll(url: string, grantId?: string): boolean {
    if (conditions.calm) return false
    const [first] = plan.providers
    if (plan.illness === 'first-provider') return providerOf(url)?.plan.id === first?.id
    return plan.illness === 'anyone' || grantId === `${first?.id}-1`
  }

  function draw(
    choices: readonly (readonly [number, string, Fault])[],
    ill: boolean,
    whom: Struck,
  ): string | undefined {
    if (!ill) return undefined
    for (const [rate, kind, fault] of choices) {
      if (!chance.happens(rate)) continue
      world.fault(fault, whom)
      return kind
    }
    return undefined
  }

  function fieldsOf({ body }: SentRequest): URLSearchParams {
    return new URLSearchParams(body.startsWith('{') ? (JSON.parse(body) as Record<string, string>) : body)
  }

  function presentationOf(request: SentRequest): Presentation | undefined {
    const token = fieldsOf(request).get('refresh_token')
    return token === null
      ? undefined
      : ledger.presentations.get(token)?.find((each) => each.request === request)
  }

  function whereaboutsOf(token: ServerToken): Whereabouts {
    const known = ledger.whereabouts.get(token.text)
    if (known) return known
    const made = {
      token,
      brought: [],
      storedAtMs: undefined,
      refusedAtMs: undefined,
      escrowedAtMs: new Map(),
      spoiled: [],
      asked: [],
    }
    ledger.whereabouts.set(token.text, made)
    return made
  }

  /** P4: a 429 is for everyone: whoever hears it tells the store, as soon as that can be reached. */
  function expectSilence(bucket: string): void {
    const heardAtMs = time.nowMs
    owner.process.post(TOLD_WITHIN_MS, 'silence is due', () => {
      const told = (owner.silencedAtMs.get(bucket) ?? 0) >= heardAtMs
      const stood = owner.process.freezes.some(({ toMs }) => toMs >= heardAtMs)
      if (told || stood || owner.closing) return
      bench.violated('P4 within-budget', `${owner.process.name} kept a 429 to itself`)
    })
  }

  return {
    connect(process, url): ConnectFate {
      const provider = providerOf(url)?.plan.id ?? ''
      const isAnother = url.endsWith('/revoke') || [...owner.authorizing.values()].some((times) => times > 0)
      const whom = isAnother ? NOBODY : { process, provider, isConnecting: true }
      if (conditions.providersDown.has(provider)) {
        world.fault('provider out of reach', whom)
        return { kind: chance.happens(0.7) ? 'refused' : 'hangs', afterMs: wayMs() }
      }
      // Which grant it is for is written in the body, which has not left yet.
      const ill = isIll(url) && plan.illness !== 'first-grant'
      const kind = draw(
        [
          [rates.refused, 'refused', 'connection refused'],
          [rates.hangs, 'hangs', 'connection hangs'],
        ],
        ill,
        whom,
      )
      return { kind: (kind as ConnectFate['kind'] | undefined) ?? 'stands', afterMs: wayMs() }
    },

    leaves(request): RequestFate {
      const provider = providerOf(request.url)
      const token = fieldsOf(request).get('refresh_token') ?? undefined
      world.tell(() => `${request.process.name} sends ${label(token)}`)
      if (provider && !request.url.endsWith('/revoke')) judgeSend(bench, provider, request, token)
      const grantId = token?.slice(3).split('~')[0]
      if (grantId && !request.url.endsWith('/revoke')) world.tries.sent(request.process, grantId, request)
      const ill = isIll(request.url, grantId)
      const kind = draw(
        [
          [rates.requestLost, 'lost', 'request lost'],
          [rates.requestCut, 'cut', 'request cut'],
          [rates.requestLate, 'late', 'request late'],
        ],
        ill,
        { request },
      )
      if (kind === 'late') return { kind: 'arrives', afterMs: chance.spread(5_000, 120_000) }
      return { kind: (kind as 'lost' | 'cut' | undefined) ?? 'arrives', afterMs: wayMs() }
    },

    serve(request) {
      const provider = providerOf(request.url)
      if (!provider) throw new Error('a request to nowhere')
      const presentation = presentationOf(request)
      const ill = isIll(request.url, presentation?.token.family.grantId)
      const faults = ill ? plan.faults.server : undefined
      const reply = provider.server.answer(request.body, time.nowMs, faults, (fault) =>
        world.fault(fault, { request }),
      )
      const { decision } = reply
      request.reply = reply
      if (presentation && decision?.kind === 'refused' && decision.why === 'reuse')
        judgeReuse(bench, presentation)
      // Also when the reply names no token: its server has spent one.
      if (decision?.kind === 'rotated') {
        const whereabouts = whereaboutsOf(decision.token)
        if (presentation) whereabouts.brought.push(presentation)
      } else if (reply.brings) whereaboutsOf(reply.brings)
      const kind = draw(
        [
          [rates.replyLost, 'lost', 'reply lost'],
          [rates.replyCut, 'cut', 'reply cut'],
          [rates.replyHalf, 'half', 'reply cut in half'],
          [rates.replyLate, 'late', 'reply late'],
        ],
        ill,
        { request },
      )
      world.tell(
        () =>
          `  ${provider.plan.id}: ${request.process.name}'s request -> ${reply.label} ${label(reply.brings?.text)}${kind ? ` [reply ${kind}]` : ''}`,
      )
      request.replyFate = kind ?? 'arrives'
      return { reply, fate: fateOf(kind) }
    },

    hasRead(request) {
      const { reply } = request
      world.tell(
        () =>
          `${request.process.name} reads ${reply?.label} ${request.gotSuccessor ? label(reply?.brings?.text) : ''}`,
      )
      const provider = providerOf(request.url)
      const presentation = presentationOf(request)
      const earlier = presentation
        ? (ledger.presentations.get(presentation.token.text)?.indexOf(presentation) ?? 0)
        : 0
      const state = presentation ? (earlier > 0 ? 'sent before' : 'first send') : 'no refresh token'
      bench.reached(`${state} × ${reply?.label}${request.read === 'whole' ? '' : ', in part'}`)
      owner.reads.push(request)
      const isLimited = reply?.status === 429 && reply.retryAfterS !== undefined
      if (isLimited && provider?.budgetKey === request.url) expectSilence(provider.budgetKey)
    },

    gaveUp(request) {
      const provider = providerOf(request.url)
      world.tell(() => `${request.process.name} waits no longer`)
      bench.reached(`${presentationOf(request) ? 'refresh token' : 'no refresh token'} × no reply`)
      if (provider && presentationOf(request)) judgeGivingUp(bench, provider, request, owner.closing)
    },

    notReleased(process) {
      world.tell(() => `${process.name}'s connection stands, no byte is released`)
      bench.reached('connection stood × not released')
    },
  }

  function fateOf(drawn: string | undefined): ReplyFate {
    const kind = drawn ?? 'whole'
    const afterMs = wayMs()
    switch (kind) {
      case 'lost':
        return { kind }
      case 'cut':
        return { kind, afterMs }
      case 'half':
        return chance.happens(0.5)
          ? { kind, afterMs, share: chance.float() }
          : { kind: 'dribbles', afterMs, restMs: chance.spread(50, 30_000) }
      case 'late':
        return { kind: 'arrives', afterMs: chance.spread(3_000, 60_000) }
      default:
        return { kind: 'arrives', afterMs }
    }
  }
}

/** Whose connection it is cannot be told. */
const NOBODY: Struck = { grantId: '' }

const label = (token: string | undefined): string =>
  token === undefined ? '' : `RT ${token.slice(3).replace(`.${SECRET_MARK}`, '')}`
