import fc from 'fast-check'
import { safeReturnTo } from '../../../packages/core/src/connect/return-to.js'
import { claim, type Target, textOf } from './target.js'

const text = textOf(
  '/',
  '//',
  '\\',
  '.',
  '..',
  '%2f',
  '%5c',
  '%2e',
  '@',
  ':',
  'https:',
  'javascript:',
  'evil.example',
  '?',
  '#',
  '\t',
  '\n',
  '\u0000',
  ' ',
)

/** Wherever the browser resolves it, it stays on the site. */
export const returnTo: Target = {
  name: 'returnTo',
  property: fc.property(
    fc.oneof(
      text,
      text.map((rest) => `/${rest}`),
      fc.anything(),
    ),
    (value) => {
      const path = safeReturnTo(value)
      if (path === undefined) return
      for (const here of [
        'https://app.example/',
        'http://app.example/connect/callback?x=//y',
        'https://app.example/a/b/',
      ]) {
        const { origin, username } = new URL(path, here)
        claim(origin === new URL(here).origin && username === '', 'it leads to another site')
      }
      claim(/^\/(?![/\\])[^\p{Cc}\\]*$/u.test(path), 'a browser could read it as another host')
      claim(safeReturnTo(path) === path, 'it does not stay as it is')
    },
  ),
}
