import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Kind, Scene } from '../scene.js'

/** Ways to print half a value by mistake; each must be caught, or the search is blind there. */
type Leak = (scene: Scene, secret: string) => void

const channels: Readonly<Record<string, Leak>> = {
  stdout: (_, secret) => console.log(secret),
  stderr: (_, secret) => console.error(secret),
  'process.stderr': (_, secret) => void process.stderr.write(secret),
  'an error message': (scene, secret) => scene.see('', new Error(secret)),
  'a stack': (scene, secret) => scene.see('', Object.assign(new Error(''), { stack: secret })),
  'a cause': (scene, secret) => scene.see('', new Error('', { cause: new Error('', { cause: secret }) })),
  'an enumerable field': (scene, secret) => scene.see('', { secret }),
  'a hidden field': (scene, secret) =>
    scene.see('', Object.defineProperty({}, 'secret', { value: secret, enumerable: false })),
  'a symbol field': (scene, secret) => scene.see('', { [Symbol('secret')]: secret }),
  'a field name': (scene, secret) => scene.see('', { [secret]: 1 }),
  'a getter': (scene, secret) => scene.see('', Object.defineProperty({}, 'secret', { get: () => secret })),
  'a field of an AggregateError': (scene, secret) => scene.see('', new AggregateError([new Error(secret)])),
  'a toJSON': (scene, secret) => scene.see('', { toJSON: () => ({ secret }) }),
  'a toString': (scene, secret) => scene.see('', { toString: () => secret }),
  'a Map, a Set and an array': (scene, secret) => scene.see('', new Map([[1, new Set([[secret]])]])),
  bytes: (scene, secret) => scene.see('', { body: new TextEncoder().encode(secret) }),
  'a URL': (scene, secret) =>
    scene.see('', new URL(`https://api.example/?token=${encodeURIComponent(secret)}`)),
  headers: (scene, secret) => scene.see('', new Headers({ authorization: `Bearer ${secret}` })),
  'what lies eight levels deep': (scene, secret) =>
    scene.see(
      '',
      [8, 7, 6, 5, 4, 3, 2, 1].reduce((inner: object, level) => ({ [level]: inner }), { secret }),
    ),
  'a file': (scene, secret) => writeFileSync(join(scene.folder(), 'left-behind.txt'), secret),
}

const forms: Readonly<Record<string, (secret: string) => string>> = {
  'percent-encoded': encodeURIComponent,
  'percent-encoded twice': (secret) => encodeURIComponent(encodeURIComponent(secret)),
  'as a form': (secret) => new URLSearchParams({ secret }).toString(),
  'in JSON': (secret) => JSON.stringify({ secret: `"${secret}"` }),
  base64: (secret) => Buffer.from(secret).toString('base64'),
  'base64 after one byte': (secret) => Buffer.from(`:${secret}:`).toString('base64'),
  'base64 after two bytes': (secret) => Buffer.from(`x:${secret}`).toString('base64'),
  base64url: (secret) => Buffer.from(`??>${secret}`).toString('base64url'),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  'upper case hex': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  'in lower case': (secret) => secret.toLowerCase(),
  'its first fifteen characters': (secret) => secret.slice(0, 15),
  'its last fifteen characters': (secret) => secret.slice(-15),
}

/** Deliberate leaks, for the test of the suite itself: nothing else runs them. */
export const leaks: readonly Kind[] = [
  ...Object.entries(channels).map(
    ([name, leak]): Kind => ({
      area: 'deliberate leak',
      name: `through ${name}`,
      run: async (scene: Scene) => leak(scene, scene.canaries.plant('access token')),
    }),
  ),
  ...Object.entries(forms).map(
    ([name, form]): Kind => ({
      area: 'deliberate leak',
      name: `of ${name}`,
      async run(scene) {
        scene.see('', `some text ${form(scene.canaries.plant('refresh token'))} around it`)
      },
    }),
  ),
  {
    area: 'deliberate leak',
    name: 'of a secret that a library made',
    async run(scene) {
      const state = crypto.randomUUID()
      scene.canaries.know('state', state)
      scene.see('', `?state=${state}`)
    },
  },
]
