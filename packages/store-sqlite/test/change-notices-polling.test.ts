import { describe, expect, it, vi } from 'vitest'
import { createChangeNotices } from '../src/change-notices.js'
import { freshPath } from './database-folder.js'

// As on a system that is out of inotify watches, or has none.
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  watch: () => {
    throw Object.assign(new Error('no space left for watches'), { code: 'ENOSPC' })
  },
}))

const link = (generation: number) => ({ provider: 'p', grantId: 'g', chain: 'c', generation })

describe('where the system offers no file notices', () => {
  it('changes are found by looking a few times a second, until the watcher is ended', async () => {
    const path = freshPath()
    const [writer, reader] = [createChangeNotices(path), createChangeNotices(path)]
    const heard: number[] = []
    const stop = reader.subscribe({ changed: ({ generation }) => void heard.push(generation), gap() {} })
    writer.publish(link(1))
    writer.publish(link(2))
    await expect.poll(() => heard, { timeout: 2_000 }).toEqual([1, 2])
    stop()
    writer.publish(link(3))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(heard).toEqual([1, 2])
  })
})
