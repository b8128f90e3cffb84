/** `npm run demo`: the emulated provider in this process, a fleet of workers beside it, and what happens to them. */
import { type Board, createBoard } from './board.js'
import { helpText, readCommandLine } from './command-line.js'
import { whenAskedToEnd } from './end-signals.js'
import { endless } from './endless.js'
import { createFleet, type Fleet } from './fleet.js'
import { createIncidents } from './incidents.js'
import { keepLedger, type LedgerKeeper } from './ledger-keeper.js'
import type { View } from './panel.js'
import { scenarioOnce } from './scenario-once.js'
import { openLines, openPanel, type Screen } from './screen.js'
import { openStage, type Stage } from './stage.js'
import { summary } from './summary.js'
import { brokenPromises, requestsInLastMinute, totalsOf } from './totals.js'

interface Mode {
  readonly once: boolean
  readonly json: boolean
}

/** The fixed scenario is given up after this, so that it ends within 30 s. */
const ONCE_WITHIN_MS = 25_000
const FORGET_EVERY_MS = 60_000

async function run({ once, json }: Mode): Promise<number> {
  const over = new AbortController()
  const interrupted = new Error('interrupted')
  const end = (): void => over.abort(interrupted)
  let endAtOnce = (): void => {}
  // Listening before there is anything to clean up.
  const detach = whenAskedToEnd({ end, force: () => endAtOnce() })
  // Whoever read along (`| head`) has gone: nobody is left to show it to.
  process.stdout.on('error', end)

  const stage = await openStage()
  const board = createBoard()
  const fleet = createFleet(stage.setup, board)
  const ledger = keepLedger(stage.server)

  const view = (): View => viewOf(stage, board, fleet, ledger, over.signal.aborted)
  const output = json ? process.stderr : process.stdout
  const live = output.isTTY && !json && process.env.TERM !== 'dumb'
  const screen: Screen = (live ? openPanel : openLines)({ output, env: process.env, board, view })

  endAtOnce = () => {
    fleet.force()
    stage.removeFiles()
    screen.close()
    process.exit(1)
  }
  const forget = setInterval(() => ledger.forgetApiCalls(), FORGET_EVERY_MS)
  const deadline = once ? setTimeout(() => over.abort(new Error('took too long')), ONCE_WITHIN_MS) : undefined

  let complete = !once
  try {
    const incidents = createIncidents({ stage, board, fleet, signal: over.signal })
    await (once ? scenarioOnce(incidents) : endless(incidents, board, over.signal))
    complete = true
  } catch (thrown) {
    // An aborted timer says only that it was aborted; the signal says why.
    const error: unknown = over.signal.aborted ? over.signal.reason : thrown
    if (error !== interrupted) board.trouble(error instanceof Error ? error.message : 'the show broke off')
  }
  clearTimeout(deadline)
  board.say('ending: workers finish what they began')
  await fleet.stop()
  board.say('all workers have ended')

  const { totals, elapsedMs } = view()
  clearInterval(forget)
  screen.close()
  await stage.close()
  detach()
  for (const line of summary(totals, elapsedMs)) output.write(`${line}\n`)
  if (!complete) output.write('The scenario did not get to its end.\n')
  if (json) process.stdout.write(`${JSON.stringify(totals)}\n`)
  return brokenPromises(totals).length === 0 && complete ? 0 : 1
}

function viewOf(stage: Stage, board: Board, fleet: Fleet, ledger: LedgerKeeper, ending: boolean): View {
  const nowMs = Date.now()
  const { generation, atMs } = board.newest()
  return {
    origin: stage.server.origin,
    path: stage.setup.path,
    elapsedMs: nowMs - board.startedAtMs,
    workers: board.workers,
    totals: totalsOf(ledger, board, fleet),
    requestsInLastMinute: requestsInLastMinute(ledger, nowMs),
    generation,
    generationAgeMs: nowMs - atMs,
    log: board.log,
    ending,
  }
}

const asked = readCommandLine(process.argv.slice(2))
switch (asked.kind) {
  case 'help':
    console.log(helpText)
    break
  case 'wrong':
    console.error(`demo: ${asked.problem}\n\n${helpText}`)
    process.exitCode = 2
    break
  case 'run':
    process.exitCode = await run(asked)
}
