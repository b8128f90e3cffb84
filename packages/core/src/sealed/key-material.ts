import { base64url } from 'jose'

/** 32 random bytes, or their text in base64, base64url or hex as it comes from an environment variable. */
export type KeyMaterial = Uint8Array | string

const KEY_BYTES = 32

/** A copy of the 32 bytes; `undefined`: they are not 32, or the text is in none of the forms. */
export function readKeyMaterial(material: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (material instanceof Uint8Array) {
    return material.length === KEY_BYTES ? new Uint8Array(material) : undefined
  }
  if (typeof material !== 'string') return undefined
  const text = material.trim()
  if (/^[0-9a-f]{64}$/i.test(text)) {
    return Uint8Array.from({ length: KEY_BYTES }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16))
  }
  // 43 characters hold 32 bytes and nothing else: no text is in two forms at once.
  if (!/^[\w+/-]{43}=?$/.test(text)) return undefined
  return new Uint8Array(base64url.decode(text.slice(0, 43).replaceAll('+', '-').replaceAll('/', '_')))
}

/** The runtime keeps the key from here on, and gives it to nobody; our copy of the bytes is erased. */
export async function importSealingKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  } finally {
    bytes.fill(0)
  }
}
