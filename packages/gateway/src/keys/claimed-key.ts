import type { Clock } from '#core/clock.ts'
import type { KeyClaimsPort, KeyPurpose } from '#store/ports/key-claims.ts'
import { readKeyFile } from './key-file.ts'

/** The store was filled under another key than the one in this state folder. Nothing was written. The message says what to do. */
export class KeyMismatch extends Error {
  override readonly name = 'KeyMismatch'

  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(
      `${problem}. Every gateway on one store needs the same keys: copy the folder keys from the state folder of one that works, in place of ${file}`,
      options,
    )
  }
}

export interface ClaimedKeySources {
  readonly claims: KeyClaimsPort
  readonly purpose: KeyPurpose
  readonly file: string
}

/**
 * Before a key is read or made: where the store already has one for the purpose, no other is made in its place.
 * @throws KeyMismatch
 */
export async function requireKeyFile({ claims, purpose, file }: ClaimedKeySources): Promise<void> {
  if ((await claims.find(purpose)) === null) return
  if ((await readKeyFile(file)) === null)
    throw new KeyMismatch(file, `the store was filled under a ${purpose} key that is not in this state folder`)
}

/**
 * Once the key has proved to fit what the store holds: it is the store's from now on.
 * @throws KeyMismatch when another was claimed before
 */
export async function claimKey(
  { claims, purpose, file, keyId }: ClaimedKeySources & { readonly keyId: string },
  clock: Clock,
): Promise<void> {
  const inForce = (await claims.find(purpose)) ?? (await claims.claim(purpose, keyId, clock.nowSeconds()))
  if (inForce !== keyId)
    throw new KeyMismatch(file, `the store was filled under another ${purpose} key than that of this state folder`)
}
