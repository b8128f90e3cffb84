import type { WriteStream } from 'node:tty'
import type { Board } from './board.js'
import { type Line, paint } from './paint.js'
import { panel, type View } from './panel.js'
import { statusLine } from './summary.js'

/** Shows the view until it is closed: a panel that redraws itself on a terminal, plain lines anywhere else. */
export interface Screen {
  close(): void
}

export interface ScreenOptions {
  readonly output: WriteStream
  readonly env: NodeJS.ProcessEnv
  readonly board: Board
  readonly view: () => View
}

const REDRAW_EVERY_MS = 200
const STATUS_EVERY_MS = 5_000
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const TO_END_OF_LINE = '\x1b[K'
const TO_END_OF_SCREEN = '\x1b[J'

export function openPanel({ output, env, view }: ScreenOptions): Screen {
  // https://no-color.org: set and not empty. The redrawing itself is no colour.
  const color = !env.NO_COLOR
  let drawn = 0

  function draw(): void {
    // The last column stays free: some terminals wrap when it is written.
    const columns = Math.max(20, (output.columns || 80) - 1)
    const lines: readonly Line[] = panel(view(), output.rows || 24)
    const up = drawn > 0 ? `\x1b[${drawn}A` : ''
    const text = lines.map((line) => `${paint(line, { columns, color })}${TO_END_OF_LINE}\n`).join('')
    output.write(`${up}\r${text}${TO_END_OF_SCREEN}`)
    drawn = lines.length
  }

  const showCursor = (): void => void output.write(SHOW_CURSOR)
  // Also after a crash the terminal gets its cursor back.
  process.once('exit', showCursor)
  output.write(HIDE_CURSOR)
  const timer = setInterval(draw, REDRAW_EVERY_MS)
  draw()
  return {
    close() {
      clearInterval(timer)
      draw()
      showCursor()
      process.off('exit', showCursor)
    },
  }
}

/** For pipes, files and `--json`: the sentences as they come, and now and then where the numbers stand. */
export function openLines({ output, board, view }: ScreenOptions): Screen {
  const { origin, path } = view()
  output.write(`emulated Passolution at ${origin}; one SQLite file, ${path}\n`)
  board.onLine(({ afterMs, text }) => {
    output.write(`${(afterMs / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
  })
  const timer = setInterval(() => output.write(`          ${statusLine(view())}\n`), STATUS_EVERY_MS)
  return { close: () => clearInterval(timer) }
}
