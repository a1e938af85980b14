import { asClientId, asTokenId, type ClientId, type TokenId } from '#core/ids.ts'

/** How often a token may be handed on. */
export const DELEGATIONS_MAX = 3

/** RFC 8693: the client of this token acts for the subject, on a token that others had before it. */
export interface Delegation {
  /** Whose tokens this one was exchanged from, newest first. The last is the client that the subject gave access to. */
  readonly exchanges: readonly { readonly clientId: ClientId; readonly tokenId: TokenId }[]
}

/**
 * Reads `act` (RFC 8693 §4.1) and our `exchanged_from`, which have to tell the same. Null when there is neither; undefined when they are
 * anything that we do not write.
 */
export function readDelegation(claims: {
  readonly act?: unknown
  readonly exchanged_from?: unknown
  readonly client_id: string
}): Delegation | null | undefined {
  const { act, exchanged_from: from, client_id: clientId } = claims
  if (act === undefined && from === undefined) return null
  if (!Array.isArray(from) || from.length === 0 || from.length > DELEGATIONS_MAX) return undefined
  const exchanges = from.map(readExchange)
  if (exchanges.some((one) => one === null)) return undefined
  const known = exchanges.filter((one) => one !== null)
  return isChainOf(act, actorsOf(asClientId(clientId), { exchanges: known })) ? { exchanges: known } : undefined
}

/** Newest first: the client of the token, and all before it but the one that the subject authorized, which acted for nobody. */
export function actorsOf(clientId: ClientId, { exchanges }: Delegation): readonly ClientId[] {
  return [clientId, ...exchanges.slice(0, -1).map((one) => one.clientId)]
}

function readExchange(value: unknown): Delegation['exchanges'][number] | null {
  if (typeof value !== 'object' || value === null) return null
  const { client_id, jti, ...rest } = value as Readonly<Record<string, unknown>>
  if (typeof client_id !== 'string' || client_id === '' || typeof jti !== 'string' || jti === '') return null
  return Object.keys(rest).length === 0 ? { clientId: asClientId(client_id), tokenId: asTokenId(jti) } : null
}

function isChainOf(act: unknown, [newest, ...earlier]: readonly string[]): boolean {
  if (typeof act !== 'object' || act === null) return false
  const { sub, act: inner, ...rest } = act as Readonly<Record<string, unknown>>
  if (sub !== newest || Object.keys(rest).length > 0) return false
  return earlier.length === 0 ? inner === undefined : isChainOf(inner, earlier)
}
