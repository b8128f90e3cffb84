/** What a token reply is read for. */
const WANTED = new Set(['access_token', 'refresh_token', 'token_type', 'scope', 'error', 'expires_in'])

/**
 * Whole members of a JSON object that is cut off or followed by rubbish. Only members of the object itself count,
 * not what it may echo further inside, and only values that are terminated: half a token is worse than none.
 */
export function salvageMembers(text: string): Record<string, unknown> {
  const members: Record<string, unknown> = {}
  const start = text.indexOf('{')
  // One token at a time: a whole string, a bracket, a separator, or the text of a number or literal.
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/g
  tokens.lastIndex = start < 0 ? text.length : start
  let depth = 0
  let name: string | undefined
  let value: unknown
  for (let found = tokens.exec(text); found; found = tokens.exec(text)) {
    const [token] = found
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    if (depth > 1) continue
    if (token === ':') name = typeof value === 'string' ? value : undefined
    else if (token === ',' || token === '{' || depth <= 0) name = undefined
    else value = parseScalar(token, text, tokens.lastIndex)
    if (name !== undefined && token !== ':' && value !== undefined && WANTED.has(name)) members[name] = value
    if (depth <= 0) break
  }
  return members
}

/** A string is whole by its closing quote; a number only if something follows it. */
function parseScalar(token: string, text: string, endsAt: number): unknown {
  if (!token.startsWith('"') && endsAt >= text.length) return undefined
  try {
    return JSON.parse(token) as unknown
  } catch {
    return undefined
  }
}
