import type { Answer } from './answer.js'

/** A page that asks the user; each answer is a link to the same request with `decision`. */
export function consentPage(request: URL): Answer {
  const link = (decision: string, text: string): string => {
    const search = new URLSearchParams(request.search)
    search.set('decision', decision)
    return `<p><a id="${decision}" href="?${search.toString().replaceAll('&', '&amp;')}">${text}</a></p>`
  }
  return {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
    body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Allow access?</title></head>
<body><h1>Allow access?</h1>${link('approve', 'Allow')}${link('deny', 'Deny')}</body></html>
`,
  }
}
