import { type Summary, sum } from './run/summary.js'

/** One line that is written over and over, on a terminal alone. */
export function startProgress(seeds: number): { show(summary: Summary): void; end(): void } {
  const { stderr } = process
  const beganAtMs = performance.now()
  return {
    show(summary) {
      if (!stderr.isTTY) return
      const perSecond = summary.seeds / ((performance.now() - beganAtMs) / 1000)
      const left = Math.round((seeds - summary.seeds) / perSecond / 60)
      const faults = sum(summary.faults).toLocaleString('en')
      const broken = summary.violations.length > 0 ? `, ${summary.violations.length} BROKEN` : ''
      stderr.write(
        `\r${summary.seeds}/${seeds} seeds, ${perSecond.toFixed(0)} a second, ${faults} faults, ${left} min left${broken}   `,
      )
    },
    end() {
      if (stderr.isTTY) stderr.write('\n')
    },
  }
}
