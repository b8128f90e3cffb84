export interface ConnectPage {
  readonly title: string
  readonly detail: string
  /** Path that begins a new flow. */
  readonly again: string | undefined
  /** Whether that would be the first one. */
  readonly isFirst: boolean
  /** Path to go back to. */
  readonly returnTo: string | undefined
}

/** A small page without style, script or anything else from elsewhere: it shows at an address that holds a code. */
export function connectPage({ title, detail, again, isFirst, returnTo }: ConnectPage): string {
  const links = [link(again, isFirst ? 'Connect' : 'Connect again'), link(returnTo, 'Back')].filter(
    (one) => one !== '',
  )
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title></head>
<body><main><h1>${escaped(title)}</h1><p>${escaped(detail)}</p><p>${links.join(' ')}</p></main></body>
</html>
`
}

function link(path: string | undefined, text: string): string {
  return path === undefined ? '' : `<a href="${escaped(path)}">${text}</a>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
