import { randomInt } from 'node:crypto'

/** Begins and ends every planted secret: whoever finds it, in whatever coding, has found a piece of a secret. */
const MARK = 'Cn4RyXq7w2Zk'

const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'

/** What a text is searched for: one coding of one piece of a secret. */
interface Needle {
  readonly text: string
  readonly secret: string
  readonly form: string
}

/**
 * The secrets of one scene. Planted ones have characters that URLs, forms and JSON write differently, between two
 * marks that they do not; ones that a library made up are known by their first and last twelve characters.
 */
export interface Canaries {
  /** A new secret, such as a server or an operator would choose. */
  plant(kind: string): string
  /** One that somebody else has made. */
  know(kind: string, secret: string): void
  /** Which secrets are in there, and in which form; empty: none. */
  findIn(text: string): readonly string[]
}

const planted = new Map<string, string>()

export function createCanaries(): Canaries {
  const needles: Needle[] = formsOf(MARK).map(({ form, text }) => ({ text, form, secret: 'planted' }))
  return {
    plant(kind) {
      const id = Array.from({ length: 8 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
      planted.set(id, kind)
      return `${MARK}${id}.~+/-_${id}${MARK}`
    },
    know(kind, secret) {
      for (const piece of [secret.slice(0, 12), secret.slice(-12)])
        for (const { form, text } of formsOf(piece)) needles.push({ text, form, secret: kind })
    },
    findIn(text) {
      const finds = needles.filter((needle) => text.includes(needle.text))
      return [
        ...new Set(
          finds.map(({ secret, form }) => `${secret === 'planted' ? namesIn(text) : secret} (${form})`),
        ),
      ]
    },
  }
}

function namesIn(text: string): string {
  const names = [...planted].filter(([id]) => text.includes(id)).map(([, kind]) => kind)
  return names.length > 0 ? [...new Set(names)].join(' and ') : 'planted'
}

/**
 * Percent-encoding and JSON leave letters and digits as they are, so that the plain form is theirs too. Base64 looks
 * different at each of three offsets; what it shares with its neighbours there is cut off.
 */
function formsOf(piece: string): readonly { readonly form: string; readonly text: string }[] {
  const hex = Buffer.from(piece).toString('hex')
  const coded = [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(piece)])
    const end = Math.floor(bytes.length / 3) * 4
    return (['base64', 'base64url'] as const).map((form) => ({
      form,
      text: bytes.toString(form).slice(offset === 0 ? 0 : 4, end),
    }))
  })
  return [
    { form: 'plain', text: piece },
    { form: 'lower case', text: piece.toLowerCase() },
    { form: 'hex', text: hex },
    { form: 'hex', text: hex.toUpperCase() },
    ...coded,
  ]
}
