import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '@evergrant/package-checks/published-packages'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }

interface Job {
  readonly needs?: string
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps?: readonly { readonly run?: string; readonly with?: Readonly<Record<string, string>> }[]
}
interface Workflow {
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

const folder = join(root, '.github/workflows')
const workflows = new Map(
  readdirSync(folder).map((file) => [file, parse(readFileSync(join(folder, file), 'utf8')) as Workflow]),
)
const jobs = [...workflows.values()].flatMap(({ jobs: own }) => Object.entries(own))
const commandsOf = ({ steps = [] }: Job): readonly string[] =>
  steps
    .flatMap(({ run, with: inputs }) => [run, inputs?.version, inputs?.publish])
    .filter((each) => each !== undefined)

it('CI checks, tests, tries the packages and plays a release, with scripts that there are', () => {
  const commands = jobs.flatMap(([, job]) => commandsOf(job))
  const scripts = commands.flatMap((command) => /^npm (?:run )?([\w:]+)/.exec(command)?.[1] ?? [])
  expect(new Set(scripts)).toEqual(
    new Set(['check', 'test', 'check:packages', 'release:dry', 'release:version', 'release:publish']),
  )
  expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining(scripts))
})

it('only the job that publishes may write or say who it is, after everything has passed', () => {
  const writers = jobs.filter(([, { permissions = {} }]) => Object.values(permissions).includes('write'))
  expect(writers.map(([name, { needs }]) => [name, needs])).toEqual([['release', 'ci']])
  expect(commandsOf(writers[0]![1])).toContain('npm run release:publish')
  for (const { permissions } of workflows.values()) expect(permissions).toEqual({ contents: 'read' })
})
