import type { GrantLink } from '@evergrant/core'
import { expect } from 'vitest'

/** Polls until the condition holds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const givenUpAtMs = performance.now() + 8_000
  while (!(await condition())) {
    expect(performance.now()).toBeLessThan(givenUpAtMs)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A watcher that remembers what it heard. */
export function ear() {
  const heard: GrantLink[] = []
  let gaps = 0
  return {
    heard,
    gaps: () => gaps,
    changed: (changed: GrantLink) => void heard.push(changed),
    gap: () => {
      gaps++
    },
  }
}
