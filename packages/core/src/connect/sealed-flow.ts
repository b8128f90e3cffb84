import { base64url, CompactEncrypt, compactDecrypt } from 'jose'
import { optionError } from '../check-options.js'

/** What a browser keeps for us while its user is at the provider. */
export interface SealedFlow {
  readonly state: string
  readonly codeVerifier: string
  readonly grantId: string
  readonly returnTo: string
  readonly expiresAtMs: number
}

export interface FlowSeal {
  close(flow: SealedFlow): Promise<string>
  /** `undefined`: not sealed by any of our secrets for this purpose, or changed since. */
  open(sealed: string): Promise<SealedFlow | undefined>
}

interface SealKey {
  readonly id: string
  readonly key: Uint8Array
}

const ALGORITHMS = { alg: 'dir', enc: 'A256GCM' } as const
const utf8 = new TextEncoder()

/**
 * Seals with a key of its own, derived (HKDF-SHA256) from the application's secret for this purpose: another
 * provider's flow under the same secret, or anything else that the secret protects, does not open here.
 *
 * @see RFC 7516, RFC 5869
 */
export function createFlowSeal(secret: unknown, purpose: string): FlowSeal {
  const secrets = checkSecrets(secret)
  let derived: Promise<readonly SealKey[]> | undefined
  const keys = (): Promise<readonly SealKey[]> => {
    derived ??= Promise.all(secrets.map((one) => deriveKey(one, purpose)))
    return derived
  }
  return {
    async close(flow) {
      const [current] = await keys()
      return new CompactEncrypt(utf8.encode(JSON.stringify(flow)))
        .setProtectedHeader({ ...ALGORITHMS, kid: current!.id })
        .encrypt(current!.key)
    },
    async open(sealed) {
      const known = await keys()
      try {
        const { plaintext } = await compactDecrypt(
          sealed,
          ({ kid }) => known.find(({ id }) => id === kid)?.key ?? Promise.reject(new Error('unknown key')),
          {
            keyManagementAlgorithms: [ALGORITHMS.alg],
            contentEncryptionAlgorithms: [ALGORITHMS.enc],
          },
        )
        return JSON.parse(new TextDecoder().decode(plaintext)) as SealedFlow
      } catch {
        return undefined
      }
    },
  }
}

/** Short ones could be guessed by whoever has one cookie. */
function checkSecrets(secret: unknown): readonly string[] {
  const secrets: readonly unknown[] = Array.isArray(secret) ? [...(secret as unknown[])] : [secret]
  const good = secrets.filter((one): one is string => typeof one === 'string' && one.length >= 32)
  if (good.length === 0 || good.length < secrets.length) {
    throw optionError('secret', 'must be a string of at least 32 characters, or several of them')
  }
  return good
}

async function deriveKey(secret: string, purpose: string): Promise<SealKey> {
  const material = await crypto.subtle.importKey('raw', utf8.encode(secret), 'HKDF', false, ['deriveBits'])
  const info = utf8.encode(`evergrant connect flow 1 ${purpose}`)
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info }
  const bits = new Uint8Array(await crypto.subtle.deriveBits(hkdf, material, 352))
  // The last 96 bits only name the key: nothing can be learned from them about the others.
  return { id: base64url.encode(bits.subarray(32)), key: bits.subarray(0, 32) }
}
