import type { LogLine, WorkerState, WorkerView } from './board.js'
import type { Line, Piece, Style } from './paint.js'
import { budgetPerMinute, type Totals } from './totals.js'

/** All that is shown at one instant. */
export interface View {
  readonly origin: string
  readonly path: string
  readonly elapsedMs: number
  readonly workers: readonly WorkerView[]
  readonly totals: Totals
  readonly requestsInLastMinute: number
  readonly generation: number
  readonly generationAgeMs: number
  readonly log: readonly LogLine[]
  readonly ending: boolean
}

const STATE_STYLES: Record<WorkerState, Style> = {
  starting: 'dim',
  calling: 'green',
  waiting: 'yellow',
  rotating: 'cyan',
  drilled: 'yellow',
  killed: 'red',
  stopped: 'dim',
  crashed: 'red',
}

/** Rows for workers: the living, and the one that was killed last. */
const WORKER_ROWS = 4
const LINES_BESIDE_LOG = 15
const LOG_LINES = 10

const number = (value: number): string => value.toLocaleString('en-US')

/** The whole picture; nothing in it depends on anything but `view` and the height. */
export function panel(view: View, rows: number): readonly Line[] {
  const { totals } = view
  const logLines = Math.max(2, Math.min(LOG_LINES, rows - LINES_BESIDE_LOG - 1))
  return [
    [{ text: 'Evergrant', style: 'bold' }, '  one grant of single-use refresh tokens, several processes'],
    [dim(`emulated Passolution at ${view.origin} · ${clock(view.elapsedMs)}`)],
    [dim(`one SQLite file, ${view.path}`)],
    [],
    [dim('  worker     pid     calls  state       generation')],
    ...workerRows(view),
    [],
    [
      ...fact('calls', number(totals.calls)),
      ...fact('failures', number(totals.failures), mustBeZero(totals.failures)),
      ...fact('rotations', number(totals.rotations)),
      ...fact('token requests', number(totals.tokenRequests)),
    ],
    [
      ...fact('budget, last minute', `${view.requestsInLastMinute}/${budgetPerMinute}`),
      ...fact('kills', number(totals.kills)),
      ...fact('generation', `${view.generation}, ${Math.floor(view.generationAgeMs / 1000)} s old`),
    ],
    [
      ...fact('double spends', number(totals.doubleSpends), mustBeZero(totals.doubleSpends)),
      ...fact('families revoked', number(totals.familiesRevoked), mustBeZero(totals.familiesRevoked)),
    ],
    [],
    ...logRows(view.log, logLines),
    [dim(view.ending ? '  ending in order; Ctrl-C again ends at once' : '  Ctrl-C ends it')],
  ]
}

function workerRows({ workers }: View): Line[] {
  const isGone = ({ state }: WorkerView): boolean => state === 'killed' || state === 'crashed'
  const lastGone = workers.findLast(isGone)
  const shown = workers.filter((worker) => !isGone(worker) || worker === lastGone).slice(-WORKER_ROWS)
  const lines: Line[] = shown.map(({ number: id, pid, calls, state, generation }) => [
    `  ${String(id).padEnd(6)}${String(pid).padStart(8)}${number(calls).padStart(10)}  `,
    { text: state.padEnd(10), style: STATE_STYLES[state] },
    String(generation === 0 ? '–' : generation).padStart(12),
  ])
  // Always as high: what lies below must not jump.
  while (lines.length < WORKER_ROWS) lines.push([])
  return lines
}

function logRows(log: readonly LogLine[], count: number): Line[] {
  const lines: Line[] = log.slice(-count).map(({ afterMs, text, isTrouble }, index, { length }) => {
    const isLast = index === length - 1
    const words: Piece = isTrouble ? { text, style: 'red' } : isLast ? text : dim(text)
    return [dim(`${clock(afterMs).padStart(5)} `), words]
  })
  while (lines.length < count) lines.push([])
  return lines
}

const dim = (text: string): Piece => ({ text, style: 'dim' })
const mustBeZero = (value: number): Style => (value === 0 ? 'green' : 'red')

function fact(name: string, value: string, style: Style = 'bold'): Piece[] {
  return [dim(`  ${name} `), { text: value, style }, ' ']
}

/** `1:05`, minutes and seconds. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
