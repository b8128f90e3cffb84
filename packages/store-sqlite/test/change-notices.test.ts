import { execFile } from 'node:child_process'
import { statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fromSource } from '@evergrant/store-tests/processes/start'
import { describe, expect, it } from 'vitest'
import { createChangeNotices } from '../src/change-notices.js'
import { freshPath } from './database-folder.js'

function listen(path: string) {
  const notices = createChangeNotices(path)
  const heard: number[] = []
  const gaps: number[] = []
  const stop = notices.subscribe({
    changed: ({ generation }) => void heard.push(generation),
    gap: () => void gaps.push(heard.length),
  })
  return { notices, heard, gaps, stop }
}

const link = (generation: number, grantId = 'g') => ({ provider: 'p', grantId, chain: 'c', generation })
const until = (condition: () => boolean) => expect.poll(condition, { interval: 2, timeout: 2_000 }).toBe(true)

describe('notices between handles', () => {
  it('arrive in order, once, and not at the handle that sent them a second time', async () => {
    const path = freshPath()
    const [one, two] = [listen(path), listen(path)]
    for (let generation = 1; generation <= 50; generation++) one.notices.publish(link(generation))
    const all = Array.from({ length: 50 }, (_, i) => i + 1)
    expect(one.heard).toEqual(all)
    await until(() => two.heard.length >= 50)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect([one.heard, two.heard]).toEqual([all, all])
    expect([one.gaps, two.gaps]).toEqual([[], []])
    one.notices.close()
    two.notices.close()
  })

  it('carry odd ids unharmed', async () => {
    const path = freshPath()
    const [writer, reader] = [createChangeNotices(path), createChangeNotices(path)]
    const heard: string[] = []
    reader.subscribe({ changed: ({ grantId }) => void heard.push(grantId), gap() {} })
    const ids = ['😀', 'new\u2028line', 'a"b\\', 'x'.repeat(255)]
    for (const id of ids) writer.publish(link(1, id))
    await until(() => heard.length === ids.length)
    expect(heard).toEqual(ids)
    reader.close()
  })

  it('report a gap when the file has begun anew, and go on after it', async () => {
    const path = freshPath()
    const writer = createChangeNotices(path)
    const reader = listen(path)
    let generation = 0
    while (reader.gaps.length === 0) {
      expect(generation).toBeLessThan(5_000)
      writer.publish(link(++generation))
      if (generation % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(statSync(`${path}-notify`).size).toBeLessThan(70_000)
    writer.publish(link(100_000))
    await until(() => reader.heard.includes(100_000))
    reader.notices.close()
  })

  it('report a gap when the file is removed, and meet again in the new one', async () => {
    const path = freshPath()
    const [one, two] = [listen(path), listen(path)]
    unlinkSync(`${path}-notify`)
    await until(() => one.gaps.length > 0 && two.gaps.length > 0)
    one.notices.publish(link(1))
    await until(() => two.heard.includes(1))
    two.notices.publish(link(2))
    await until(() => one.heard.includes(2))
    one.notices.close()
    two.notices.close()
  })

  it('reach a handle that names the file through a symbolic link', async () => {
    const [path, alias] = [freshPath(), freshPath()]
    writeFileSync(path, '')
    symlinkSync(path, alias)
    const reader = listen(alias)
    createChangeNotices(path).publish(link(3))
    await until(() => reader.heard.includes(3))
    reader.notices.close()
  })

  it('pass over what is no notice', async () => {
    const path = freshPath()
    const reader = listen(path)
    writeFileSync(`${path}-notify`, '{"half": \n[1,2]\n"x"\n', { flag: 'a' })
    createChangeNotices(path).publish(link(7))
    await until(() => reader.heard.length > 0)
    expect(reader.heard).toEqual([7])
    reader.notices.close()
  })

  it('fail no step when the file cannot be written, nor when a listener throws', () => {
    const notices = createChangeNotices('/nowhere/tokens.db')
    notices.publish(link(1))
    const stop = notices.subscribe({
      changed() {
        throw new Error('thrown by a listener')
      },
      gap() {},
    })
    notices.publish(link(2))
    stop()
  })
})

it('a watcher does not keep its process alive', async () => {
  const program = `
    import { sqliteStore } from '@evergrant/store-sqlite'
    await sqliteStore({ path: process.argv[1] }).watch({ changed() {}, gap() {} })
    console.log('watching')`
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const values = [...fromSource, '--input-type=module', '-e', program, freshPath()]
  const { stdout } = await promisify(execFile)(process.execPath, values, { cwd, timeout: 10_000 })
  expect(stdout).toBe('watching\n')
})
