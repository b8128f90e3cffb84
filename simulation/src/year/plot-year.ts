import type { Span, YearPlan } from './plan-year.js'
import { DAY } from './plan-year.js'
import type { YearMeter } from './year-meter.js'

const WIDTH = 860
const HEIGHT = 320
const LEFT = 56
const RIGHT = 16
const TOP = 34
const BOTTOM = 44

/** Requests a minute over the year, beside what the provider allows; what was down is shaded. */
export function plotYear(plan: YearPlan, { days }: Pick<YearMeter, 'days'>): string {
  const { limit } = plan.budget
  const count = Math.round(plan.lengthMs / DAY)
  const x = (day: number): string => (LEFT + ((WIDTH - LEFT - RIGHT) * day) / count).toFixed(1)
  const y = (perMinute: number): string =>
    (HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * perMinute) / limit).toFixed(1)
  const line = (of: (day: (typeof days)[0]) => number): string =>
    days
      .slice(0, count)
      .map((day, index) => `${index === 0 ? 'M' : 'L'}${x(index + 0.5)} ${y(of(day))}`)
      .join('')
  const shade = ({ name, fromMs, toMs }: Span): string => {
    const from = fromMs / DAY
    const width = Math.max(Number(x(toMs / DAY)) - Number(x(from)), 2).toFixed(1)
    return `<rect x="${x(from)}" y="${TOP}" width="${width}" height="${HEIGHT - TOP - BOTTOM}" class="away"/>
<text x="${x(from + 3)}" y="${TOP + 12}" class="note">${name}</text>`
  }
  const grid = [0, 100, 200, 300]
    .map(
      (value) => `<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" class="grid"/>
<text x="${LEFT - 6}" y="${Number(y(value)) + 4}" text-anchor="end">${value}</text>`,
    )
    .join('\n')
  const months = Array.from({ length: 13 }, (_, month) => {
    const day = Math.round((month * count) / 12)
    return `<text x="${x(day)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${day}</text>`
  }).join('\n')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Token requests a minute over a simulated year">
<style>
text { font: 11px system-ui, sans-serif; fill: #444 }
.title { font-size: 13px; font-weight: 600 }
.note { fill: #a33 }
.grid { stroke: #ddd; fill: none }
.limit { stroke: #a33; stroke-dasharray: 4 3; fill: none }
.busiest { stroke: #9bc; fill: none }
.mean { stroke: #156; stroke-width: 1.8; fill: none }
.away { fill: #a33; opacity: .18 }
</style>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${LEFT}" y="18" class="title">${plan.grants.toLocaleString('en')} grants of a year, ${plan.processes} processes: token requests a minute</text>
${grid}
<path d="M${LEFT} ${y(limit)}H${WIDTH - RIGHT}" class="limit"/>
${[plan.providerDown, plan.storeDown, plan.secretChange].map(shade).join('\n')}
<path d="${line((day) => day.busiestMinute)}" class="busiest"/>
<path d="${line((day) => day.requests / 1440)}" class="mean"/>
${months}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">day of the year (light: busiest minute of the day, dark: mean, dashed: the provider's limit)</text>
</svg>
`
}
