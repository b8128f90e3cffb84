import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isSurelyDead, type ProcessIdentity, readOwnIdentity } from '../src/process-identity.js'
import { freshPath } from './database-folder.js'

const unusedPid = 4_194_305 // Beyond the kernel's largest.

/** A `/proc` with one process in it. */
function fakeProc(pid: number | string, stat: string): string {
  const root = dirname(freshPath())
  mkdirSync(join(root, String(pid)))
  writeFileSync(join(root, String(pid), 'stat'), stat)
  return root
}

const statOf = (pid: number, state: string, threads: number, startTicks: string): string =>
  `${pid} (a ) b) ${state} 1 1 1 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 ${threads} 0 ${startTicks} 1 1 1\n`

describe.runIf(process.platform === 'linux')('the identity of a process', () => {
  const self = readOwnIdentity() as ProcessIdentity
  const other: ProcessIdentity = { ...self, pid: unusedPid, startTicks: '77' }

  it('is this process, and stays the same', () => {
    expect(self.pid).toBe(process.pid)
    expect(readFileSync(`/proc/${process.pid}/stat`, 'utf8')).toContain(` ${self.startTicks} `)
    expect(readOwnIdentity()).toEqual(self)
  })

  it('is unknown when /proc belongs to another namespace or is not there', () => {
    const root = fakeProc('self', statOf(1, 'S', 1, '5'))
    mkdirSync(join(root, 'sys/kernel/random'), { recursive: true })
    writeFileSync(join(root, 'sys/kernel/random/boot_id'), 'boot\n')
    mkdirSync(join(root, 'self/ns'))
    symlinkSync('pid:[1]', join(root, 'self/ns/pid'))
    expect(readOwnIdentity(root)).toBeUndefined()
    expect(readOwnIdentity('/nowhere')).toBeUndefined()
  })

  it.each([
    ['alive while it sleeps', 'S', 1, '77', false],
    ['alive while it is stopped', 'T', 1, '77', false],
    ['alive while its main thread alone has ended', 'Z', 3, '77', false],
    ['dead as a zombie without threads', 'Z', 1, '77', true],
    ['dead when its pid started at another time', 'S', 1, '78', true],
  ])('says: %s', (_, state, threads, startTicks, dead) => {
    const root = fakeProc(unusedPid, statOf(unusedPid, state, threads, startTicks))
    expect(isSurelyDead(other, self, root)).toBe(dead)
  })

  it('says dead when there is no such process', () => {
    expect(isSurelyDead(other, self)).toBe(true)
  })

  it('says alive when /proc hides a process that can be signalled (hidepid)', () => {
    const hidden = { ...other, pid: process.ppid }
    expect(isSurelyDead(hidden, self, fakeProc('1', ''))).toBe(false)
  })

  it.each([
    ['another boot', { bootId: 'other' }],
    ['another namespace', { namespaces: 'pid:[1] ' }],
  ])('says alive for %s, whatever the pid', (_, change) => {
    expect(isSurelyDead({ ...other, ...change }, self)).toBe(false)
  })

  it('says alive when this process does not know itself, or /proc is unreadable', () => {
    expect(isSurelyDead(other, undefined)).toBe(false)
    expect(isSurelyDead(other, self, fakeProc(unusedPid, 'nonsense'))).toBe(false)
  })
})
