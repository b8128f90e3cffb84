import { base64url, CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import type { GrantLink } from '../store/token-store.js'
import { type Keyring, keyOf } from './keyring.js'
import { brokenSeal, sealOfAnother, unknownKey } from './seal-errors.js'

const ALGORITHMS = { alg: 'dir', enc: 'A256GCM' } as const
const utf8 = new TextEncoder()

/**
 * Seals the secret of one link as compact JWE with the ring's current key. The protected header, which is the
 * additional authenticated data of a compact JWE, names the key (`kid`) and the link (`grant`): only where both are as
 * they were, it opens again. At most 300 characters longer than 4/3 of the secret's UTF-8.
 *
 * @see RFC 7516 sections 3.1 and 5.1, RFC 7518 section 5.3
 */
export async function seal(ring: Keyring, link: GrantLink, secret: string): Promise<string> {
  const [key, grant] = await Promise.all([currentKey(ring), nameOf(link)])
  return new CompactEncrypt(utf8.encode(secret))
    .setProtectedHeader({ ...ALGORITHMS, kid: ring.current, grant })
    .encrypt(key)
}

/** What every step asks for first: a token that is spent brings a successor, and that has to be sealed. */
export const currentKey = (ring: Keyring): Promise<CryptoKey> =>
  keyOf(ring, ring.current) as Promise<CryptoKey>

/**
 * @throws EvergrantError `STORE_UNUSABLE` with reason `unknown_key`, `seal_of_another` or `broken_seal`;
 *   `STORE_UNAVAILABLE` with reason `key_unavailable`
 */
export async function open(ring: Keyring, link: GrantLink, text: string): Promise<string> {
  const { kid, grant } = headerOf(text) ?? {}
  if (typeof kid !== 'string') throw brokenSeal(link)
  const key = await keyOf(ring, kid)
  if (!key) throw unknownKey(link, kid)
  // A header that lies about the link passes here, and fails below: it is authenticated with the content.
  if (grant !== (await nameOf(link))) throw sealOfAnother(link)
  try {
    const { plaintext } = await compactDecrypt(text, key, {
      keyManagementAlgorithms: [ALGORITHMS.alg],
      contentEncryptionAlgorithms: [ALGORITHMS.enc],
    })
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(plaintext)
  } catch {
    throw brokenSeal(link)
  }
}

/** Every JWE begins like this, and no JSON does. What was cut or changed behind it is no unsealed text. */
export const isSealed = (text: string): boolean => text.startsWith('eyJ')

/** Which key a sealed text says it needs; not authenticated. */
export function kidOf(text: string): string | undefined {
  const { kid } = headerOf(text) ?? {}
  return typeof kid === 'string' ? kid : undefined
}

function headerOf(text: string): { readonly kid?: unknown; readonly grant?: unknown } | undefined {
  try {
    return decodeProtectedHeader(text)
  } catch {
    return undefined
  }
}

/** One name for each link, of one length whatever the ids: unambiguous, because JSON is. */
async function nameOf({ provider, grantId, chain, generation }: GrantLink): Promise<string> {
  const name = JSON.stringify(['evergrant grant 1', provider, grantId, chain, generation])
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8.encode(name))))
}
