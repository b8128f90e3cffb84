import type { IncomingMessage } from 'node:http'

const limitBytes = 5_000_000

/** The whole body as text; `null` when the connection ended before it was complete, or it is absurdly large. */
export async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limitBytes) return null
      chunks.push(chunk)
    }
  } catch {
    return null
  }
  return request.complete ? Buffer.concat(chunks).toString('utf8') : null
}

/** The body's parameters, JSON or form by its content type; `null`: in a format that is not allowed or malformed. */
export function readParameters(
  contentType: string | undefined,
  body: string,
  formats: readonly ('json' | 'form')[],
): Readonly<Record<string, string>> | null {
  const type = contentType?.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded') {
    return formats.includes('form') ? Object.fromEntries(new URLSearchParams(body)) : null
  }
  if (type !== 'application/json' || !formats.includes('json')) return null
  try {
    const fields = Object.entries(JSON.parse(body) as Record<string, unknown>)
    return Object.fromEntries(fields.map(([name, value]) => [name, String(value)]))
  } catch {
    return null
  }
}
