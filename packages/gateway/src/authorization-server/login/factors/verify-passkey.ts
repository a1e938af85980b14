import {
  type AuthenticationResponseJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import type { HttpExchange } from '#http/exchange.ts'
import type { Passkey } from '#store/ports/factors.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import type { PageContext } from '../../pages/deps.ts'
import { takeChallenge } from './passkey-challenge.ts'
import type { RelyingParty } from './relying-party.ts'

const CREDENTIAL_CHARACTERS_MAX = 16 * 1024
const DEPTH_MAX = 8

interface Presented {
  readonly context: PageContext
  readonly exchange: HttpExchange
  readonly party: RelyingParty
  /** What the challenge was given out for. */
  readonly purpose: string
}

/** The passkey that signed our challenge in this browser, used; null for everything else, whatever was wrong. */
export async function verifyPasskey(
  typed: string,
  { context, exchange, party, purpose }: Presented,
): Promise<Passkey | null> {
  const credential = parseCredential(typed)
  if (credential === null) return null
  const { store, snapshots, clock } = context
  const { tenant } = snapshots.current()
  const passkey = await store.factors.findPasskey(tenant, credential.id)
  if (passkey === null) return null
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      // Its shape is what the library checks.
      response: credential as unknown as AuthenticationResponseJSON,
      expectedChallenge: (challenge) => takeChallenge(context, exchange, purpose, challenge),
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      credential: { id: passkey.credentialId, publicKey: bytesOf(passkey.publicKey), counter: passkey.counter },
    })
    if (!verified) return null
    const use = { counterSeen: passkey.counter, counter: authenticationInfo.newCounter, at: clock.nowSeconds() }
    const used = await store.factors.usePasskey(tenant, passkey.credentialId, use)
    return used === 'accepted' ? passkey : null
  } catch (cause) {
    // A counter that went back, a foreign origin, no user verification...: the library throws for each.
    if (isOfTheStore(cause)) throw cause
    return null
  }
}

/** What a new passkey is; null for everything that our challenge did not ask for. */
export async function verifyNewPasskey(
  typed: string,
  { context, exchange, party, purpose }: Presented,
): Promise<Pick<Passkey, 'credentialId' | 'publicKey' | 'counter' | 'isSynced'> | null> {
  const credential = parseCredential(typed)
  if (credential === null) return null
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: credential as unknown as RegistrationResponseJSON, // As above.
      expectedChallenge: (challenge) => takeChallenge(context, exchange, purpose, challenge),
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
    })
    if (!verified) return null
    const { id, publicKey, counter } = registrationInfo.credential
    return {
      credentialId: id,
      publicKey: Buffer.from(publicKey).toString('base64url'),
      counter,
      isSynced: registrationInfo.credentialDeviceType === 'multiDevice',
    }
  } catch (cause) {
    if (isOfTheStore(cause)) throw cause
    return null
  }
}

function parseCredential(text: string): { readonly id: string } | null {
  if (text.length > CREDENTIAL_CHARACTERS_MAX) return null
  const parsed = parseJson(Buffer.from(text), { depthMax: DEPTH_MAX, numbers: 'request' })
  if (!parsed.ok || !isJsonObject(parsed.value)) return null
  const plain = JSON.parse(text) as { readonly id?: unknown } // The same text, which is one JSON object.
  return typeof plain.id === 'string' && /^[\w-]{1,1400}$/.test(plain.id) ? { ...plain, id: plain.id } : null
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'base64url'))
}

function isOfTheStore(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'StoreFailure'
}
