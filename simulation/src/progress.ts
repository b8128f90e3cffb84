import { type Summary, sum } from './run/summary.js'

/** Where nothing can be written over, a line this often is enough for a log. */
const LOG_EVERY_MS = 60_000

/** One line that is written over and over on a terminal, and a line a minute elsewhere. */
export function startProgress(seeds: number): { show(summary: Summary): void; end(): void } {
  const { stderr } = process
  const beganAtMs = performance.now()
  let loggedAtMs = beganAtMs

  function lineOf(summary: Summary, tookMs: number): string {
    const perSecond = summary.seeds / (tookMs / 1000)
    const left = Math.round((seeds - summary.seeds) / perSecond / 60)
    const faults = sum(summary.faults).toLocaleString('en')
    const broken = summary.violations.length > 0 ? `, ${summary.violations.length} BROKEN` : ''
    return `${summary.seeds}/${seeds} seeds, ${perSecond.toFixed(0)} a second, ${faults} faults, ${left} min left${broken}`
  }

  return {
    show(summary) {
      const nowMs = performance.now()
      const line = lineOf(summary, nowMs - beganAtMs)
      if (stderr.isTTY) {
        stderr.write(`\r${line}   `)
      } else if (nowMs - loggedAtMs >= LOG_EVERY_MS) {
        loggedAtMs = nowMs
        stderr.write(`${line}\n`)
      }
    },
    end() {
      if (stderr.isTTY) stderr.write('\n')
    },
  }
}
