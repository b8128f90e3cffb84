/** One deliberate mistake in core. */
export interface Mutation {
  readonly name: string
  /** Under `packages/core/src`. */
  readonly file: string
  /** Must occur in the file, exactly once: core has moved on if it does not. */
  readonly from: string
  readonly to: string
}

/** Each breaks one promise somewhere; the simulation must see it. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'no check of the lease before sending',
    file: 'rotation/send-armed.ts',
    from: 'const inDate = remainingMs(clock, lease) >= timings.requestTimeoutMs && !ended()',
    to: 'const inDate = !ended()',
  },
  {
    name: 'commit without compare',
    file: 'store/grant-steps.ts',
    from: '  const { record } = grant\n  if (!sameLink(record, request)) {\n    const ownCommitRepeated',
    to: '  const { record } = grant\n  if (record.chain === "never") {\n    const ownCommitRepeated',
  },
  {
    name: 'lease judged on the local clock',
    file: 'time/clock.ts',
    from: 'return validity.untilMs - validity.nowMs - elapsedMs(clock, validity.askedAt)',
    to: 'return validity.untilMs - clock.now()',
  },
  {
    name: 'lease on the monotonic clock alone',
    file: 'time/clock.ts',
    from: 'return Math.max(clock.now() - since.wallMs, clock.monotonic() - since.monotonicMs)',
    to: 'return clock.monotonic() - since.monotonicMs',
  },
  {
    name: 'no adoption of a newer generation',
    file: 'rotation/take-over.ts',
    from: 'const adoption = adopt(ctx.questions, entry, record, from)\n',
    to: "const adoption = 'same' as ReturnType<typeof adopt>\n  void from\n",
  },
  {
    name: 'adopting a lower generation',
    file: 'grant/adopt.ts',
    from: "if (record.generation < known.generation) return mayHaveCrossed ? 'outdated' : 'rolled-back'",
    to: "if (record.generation < known.generation && mayHaveCrossed) return 'outdated'",
  },
  {
    name: 'rotation on every 401',
    file: 'rotation/freshness.ts',
    from: 'return at.nowMs - record.committedAtMs < at.minRotationIntervalMs',
    to: 'return at.nowMs - record.committedAtMs < 0 * at.minRotationIntervalMs',
  },
  {
    name: 'a budget per process',
    file: 'rotation/budget.ts',
    from: 'const request = { bucket: facts.budgetKey, slot: id,',
    to: 'const request = { bucket: facts.budgetKey + member, slot: id,',
  },
  {
    name: 'a budget slot used late',
    file: 'rotation/send-armed.ts',
    from: 'if (remainingMs(clock, slot.valid) > 0) return undefined',
    to: 'return undefined',
  },
  {
    name: 'the code sent with a late slot',
    file: 'manager/exchange-code.ts',
    from: 'if (remainingMs(ctx.clock, slot.valid) > 0) {',
    to: 'if (exchanges > 0 || remainingMs(ctx.clock, slot.valid) > 0) {',
  },
  {
    name: 'validation before salvage',
    file: 'rotation/conclude.ts',
    from: "    case 'rotated': {\n",
    to: "    case 'rotated': {\n      if (reply.members.token_type !== undefined && reply.members.token_type !== 'Bearer') return trouble(ctx, entry, hold, 'token_type')\n",
  },
  {
    name: 'only a reply with status 200 is read',
    file: 'token-endpoint/classify-reply.ts',
    from: "if (whole && meant && hasTokens(members)) return { kind: 'rotated' }",
    to: "if (status === 200 && whole && meant && hasTokens(members)) return { kind: 'rotated' }",
  },
  {
    name: 'no escrow',
    file: 'store/escrowed-store.ts',
    from: 'const holdIfPossible = (held: Held) => ifPossible((isAwaited) => escrow.hold(held, isAwaited))',
    to: "const holdIfPossible = (_: Held) => ifPossible(async (): Promise<'not'> => 'not')",
  },
  {
    name: 'the escrow is dropped at commit',
    file: 'store/escrowed-store.ts',
    from: "      spending.delete(request.attempt)\n      if (answer.status === 'committed') markStored(held)\n      else drop(held)",
    to: '      spending.delete(request.attempt)\n      void markStored\n      drop(held)',
  },
  {
    name: 'in escrow one chain lies over the other',
    file: 'store/escrow.ts',
    from: 'const isOther = there !== undefined && linkTo(heldIn(there)).chain !== link.chain',
    to: "const isOther = there !== undefined && linkTo(heldIn(there)).chain === 'never'",
  },
  {
    name: 'a forgotten authorization is not brought back',
    file: 'store/escrowed-store.ts',
    from: "if (!held || (await bring(held)) === 'refused') return false",
    to: 'if (held || link) return false',
  },
  {
    name: 'the escrow is not looked into',
    file: 'store/escrowed-store.ts',
    from: 'const held = await escrow.at({ ...link, generation })',
    to: 'const held = undefined as Held | undefined',
  },
  {
    name: 'a dead mark on invalid_client',
    file: 'token-endpoint/classify-reply.ts',
    from: "if (error === 'invalid_client') return { kind: 'client-rejected', reason: error }",
    to: "if (error === 'invalid_client') return { kind: 'refused', reason: error }",
  },
  {
    name: 'unauthorized_client pausing all',
    file: 'token-endpoint/classify-reply.ts',
    from: "  if (error !== undefined) {\n    if (error === 'invalid_grant'",
    to: "  if (error === 'unauthorized_client') return { kind: 'client-rejected', reason: error }\n  if (error !== undefined) {\n    if (error === 'invalid_grant'",
  },
  {
    name: 'a timer for each year-long token',
    file: 'rotation/store-successor.ts',
    from: "  ctx.emit({ type: 'grant.rotated'",
    to: "  const { renewAtMs } = answer.record\n  if (renewAtMs !== null) ctx.clock.setTimeout(() => entry.rotation?.wake('news'), renewAtMs - answer.nowMs)\n  ctx.emit({ type: 'grant.rotated'",
  },
  {
    name: "a caller's abort ends the rotation",
    file: 'rotation/send-armed.ts',
    from: '    fetch: ctx.fetch,\n',
    to: `    fetch: (url, init) => {
      const leaving = new AbortController()
      const awaited = rotation.progress.isAwaited()
      const look = (): void => {
        if (awaited && !rotation.progress.isAwaited()) leaving.abort(new Error('left'))
        else if (!init?.signal?.aborted) clock.setTimeout(look, 20)
      }
      clock.setTimeout(look, 20)
      init?.signal?.addEventListener('abort', () => leaving.abort(init.signal?.reason))
      return ctx.fetch(url, { ...init, signal: leaving.signal })
    },
`,
  },
  {
    name: 'no jitter',
    file: 'token-endpoint/successor.ts',
    from: 'const RENEW_SPREAD = 0.09',
    to: 'const RENEW_SPREAD = 0',
  },
  {
    name: 'save without a new chain',
    file: 'manager/create-token-manager.ts',
    from: 'const chain = ctx.chance.id()\n      let sentAtMs',
    to: 'const chain = grantId\n      let sentAtMs',
  },
  {
    name: 'fail without the lease',
    file: 'store/grant-steps.ts',
    from: "  if (running(grant, nowMs)?.attempt !== request.attempt) return { answer: { status: 'not-holder' } }\n  const attempts = record.attempts.filter",
    to: '  void nowMs\n  const attempts = record.attempts.filter',
  },
  {
    name: 'no arm',
    file: 'rotation/send-armed.ts',
    from: 'const asked = await tryStore(ctx, (store) => store.arm(armRequest))\n    if (asked instanceof',
    to: "const asked = { answer: { status: 'armed', untilMs: hold.lease.untilMs + armRequest.ttlMs, nowMs: hold.lease.nowMs } as Awaited<ReturnType<typeof ctx.store.arm>>, askedAt: hold.lease.askedAt, order: 0 } as Awaited<ReturnType<typeof tryStore<Awaited<ReturnType<typeof ctx.store.arm>>>>>\n    if (asked instanceof",
  },
  {
    name: 'the arm does not ask which hold it is about',
    file: 'store/grant-steps.ts',
    from: ' || current.heldSinceMs !== request.heldSinceMs',
    to: '',
  },
  {
    name: 'no settle',
    file: 'rotation/settle.ts',
    from: 'counted.length > 0; ) {',
    to: "counted.length > 0 && link.chain === ''; ) {",
  },
  {
    name: 'settle does not wait for the store to return',
    file: 'rotation/settle.ts',
    from: '      shownAt = undefined\n',
    to: '',
  },
  {
    name: 'settle on a wall clock that was set back',
    file: 'time/clock.ts',
    from: '  return clock.monotonic() - since.monotonicMs\n',
    to: '  return Math.min(clock.now() - since.wallMs, clock.monotonic() - since.monotonicMs)\n',
  },
  {
    name: '503 as not sent',
    file: 'token-endpoint/classify-reply.ts',
    from: "if (status >= 500) return { kind: 'unknown', reason: http }",
    to: "if (status >= 500) return { kind: 'unspent', reason: http, limited: false }",
  },
  {
    name: 'silence as not sent',
    file: 'token-endpoint/send-request.ts',
    from: "return { kind: released ? 'unknown' : 'not-sent', reason }",
    to: "return { kind: 'not-sent', reason }",
  },
  {
    name: 'the old token sent again while the access token works',
    file: 'rotation/replay-rule.ts',
    from: "if (!inInterval && situation.tokenWorks) return { kind: 'hold' }",
    to: "if (!inInterval && situation.tokenWorks && situation.sends > 5) return { kind: 'hold' }",
  },
  {
    name: 'no limit of sends',
    file: 'rotation/replay-rule.ts',
    from: 'if (sends < MAX_SENDS) return',
    to: 'if (sends >= 0) return',
  },
  {
    name: 'one try to commit',
    file: 'rotation/store-successor.ts',
    from: 'if (ctx.lifecycle.abandoned) return uncommitted(entry)',
    to: 'if (failures > 0) return uncommitted(entry)',
  },
  {
    name: 'expiry written from a late clock',
    file: 'rotation/send-armed.ts',
    from: '{ ...result, sentAtMs: hold.lease.nowMs }',
    to: '{ ...result, sentAtMs: ctx.storeClock.now() }',
  },
  {
    name: 'an expired token handed out',
    file: 'manager/hand-out.ts',
    from: 'return leftMs > 0 && leftMs >= neededMs ? known.accessToken : undefined',
    to: 'return leftMs > -60_000 && leftMs >= neededMs - 60_000 ? known.accessToken : undefined',
  },
  {
    name: 'the minimum of validity is not looked at',
    file: 'rotation/freshness.ts',
    from: 'const longEnough = leftMs >= (wanted.minValidityMs ?? mandatoryWindowMs(known))',
    to: 'const longEnough = leftMs >= mandatoryWindowMs(known)',
  },
  {
    name: 'what was handed out before its commit outranks the store',
    file: 'rotation/store-successor.ts',
    from: '{ nowMs: entry.knownAtMs, order: ++ctx.questions.asked }',
    to: '{ nowMs, order: ++ctx.questions.asked }',
  },
  {
    name: 'a slow store hurts a token that works',
    file: 'manager/hand-out.ts',
    from: "const isAway = isEvergrantError(error, 'STORE_UNAVAILABLE') || isEvergrantError(error, 'TIMEOUT')",
    to: "const isAway = isEvergrantError(error, 'STORE_UNAVAILABLE') && known?.record.state === 'dead'",
  },
  {
    name: 'background work before callers',
    file: 'store/budget-steps.ts',
    from: 'const isBehind = !isCaller && waiting > 0',
    to: 'const isBehind = !isCaller && waiting > 1_000',
  },
  {
    name: 'background work stands behind itself',
    file: 'rotation/line.ts',
    from: 'waiting.filter((each) => each.isAwaited()).length',
    to: 'waiting.length',
  },
  {
    name: 'a 429 is kept from the fleet',
    file: 'rotation/conclude.ts',
    from: 'if (limited) await ctx.budget.silence(afterMs)',
    to: 'void limited',
  },
  {
    name: 'a silence by a clock that was set forward',
    file: 'rotation/budget.ts',
    from: 'const untilMs = ctx.storeClock.earliest() + forMs',
    to: 'const untilMs = ctx.storeClock.now() + forMs',
  },
  {
    name: 'keep-alive ends by itself',
    file: 'manager/keep-alive.ts',
    from: 'if (running) schedule(intervalMs)',
    to: 'if (running && ctx.chance.float() < 0.9) schedule(intervalMs)',
  },
  {
    name: 'the name of an attempt is used again',
    file: 'rotation/hold.ts',
    from: 'if (entry.attempt === attempt) entry.attempt = undefined',
    to: 'void attempt',
  },
  {
    name: 'a lease is given twice',
    file: 'store/grant-steps.ts',
    from: 'if (current && current.attempt !== request.attempt) {',
    to: "if (current && current.attempt !== request.attempt && request.attempt.endsWith('7') === false) {",
  },
  {
    name: 'a token in an event',
    file: 'rotation/store-successor.ts',
    from: "ctx.emit({ type: 'grant.rotated', ...linkOf(answer.record), tookMs: Math.round(tookMs) })",
    to: "ctx.emit({ type: 'grant.rotated', ...answer.record, tookMs: Math.round(tookMs) })",
  },
  {
    name: 'close does not wait',
    file: 'manager/close-manager.ts',
    from: 'const outcome = await Promise.race([Promise.allSettled(work), timeout])',
    to: 'const outcome = await Promise.race([Promise.resolve([]), timeout])',
  },
  {
    name: 'a successor of a token that was kept is dropped',
    file: 'rotation/store-successor.ts',
    from: '        other.generation > link.generation &&\n        holdsSpent(',
    to: '        other.generation > link.generation + 99 &&\n        holdsSpent(',
  },
  {
    name: "what close reports is nobody's while keep-alive is at work",
    file: 'manager/create-token-manager.ts',
    from: 'await Promise.all([closeManager(ctx, settings.closeTimeoutMs), keepAlive.stop()])',
    to: 'const finished = closeManager(ctx, settings.closeTimeoutMs)\n      await keepAlive.stop()\n      await finished',
  },
]
