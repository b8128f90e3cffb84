/** More layers of percent-encoding than anybody has a reason for. */
const MAX_LAYERS = 5

/**
 * Whether a path, however it is decoded on the way, stays below the place it is appended to. Not plain is what any
 * server could read as a step upwards or as another host: dot segments, also with path parameters (`..;`), after any
 * number of decodings, with backslashes or in characters that normalize to dots and slashes; `//` at the beginning;
 * control characters; percent signs that encode nothing; bytes that are no UTF-8 (overlong dots are not).
 *
 * Encoded slashes alone are plain: some APIs have ids with them.
 */
export function isPlainPath(path: string): boolean {
  if (!/^\/(?!\/)[!-~]*$/.test(path) || /[\\#?]/.test(path)) return false
  // Most paths: nothing to decode, and no segment that begins with a dot.
  if (!path.includes('%') && !path.includes('/.')) return true
  let text = path
  for (let layer = 0; layer <= MAX_LAYERS; layer++) {
    if (hasStep(text)) return false
    if (!text.includes('%')) return true
    if (layer === 0 && /%(?![0-9a-f]{2})/i.test(text)) return false
    const decoded = decodeOnce(text)
    if (decoded === undefined) return false
    if (decoded === text) return true
    text = decoded
  }
  return false
}

function hasStep(text: string): boolean {
  const normalized = text.normalize('NFKC').replaceAll('\\', '/')
  // Some file systems ignore dots and spaces at the end of a name.
  return /(^|\/)\.[\s.]*(;[^/]*)?(\/|$)/.test(normalized) || /\p{Cc}|%u[0-9a-f]{4}/iu.test(normalized)
}

/** Sequences as a whole: a character may take several. `undefined`: no UTF-8. */
function decodeOnce(text: string): string | undefined {
  try {
    return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (sequence) => decodeURIComponent(sequence))
  } catch {
    return undefined
  }
}
