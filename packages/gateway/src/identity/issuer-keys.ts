import type { JWK } from 'jose'
import type { Clock } from '#core/clock.ts'
import type { StatementIssuer } from '#core/snapshot.ts'
import type { fetchDocument } from '#net/fetch-document.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject, memberOf } from '#wire/jsonrpc/raw-json.ts'
import { createBoundedMap } from './bounded-map.ts'

const JWKS_BYTES_MAX = 64 * 1024
const JWKS_DEPTH_MAX = 8
const JWKS_TIMEOUT_MS = 2_500
const KEYS_MAX = 50
/** Issuers of one configuration are fewer. */
const SETS_MAX = 100
const FRESH_MS = 10 * 60_000
/** A statement can name any key: however many do, an issuer is asked no more often. */
const ASKED_AGAIN_MS = 60_000

/** Public keys of those whose signed word is taken: issuers of software statements and of assertions. */
export interface IssuerKeys {
  /** Null when they cannot be had now. `mayBeStale`: the one looked for was not among them. */
  of(issuer: Pick<StatementIssuer, 'keys'>, mayBeStale: boolean): Promise<readonly JWK[] | null>
}

interface Kept {
  readonly keys: readonly JWK[] | null
  readonly atMs: number
}

/** Pinned keys are as they are. Published ones are fetched by the guarded way out, kept, and asked for by one caller at a time. */
export function createIssuerKeys(fetch: typeof fetchDocument, clock: Clock): IssuerKeys {
  const kept = createBoundedMap<string, Kept>(SETS_MAX)
  const underWay = new Map<string, Promise<readonly JWK[] | null>>()
  return {
    of: async ({ keys }, mayBeStale) => {
      // Configured as JSON objects; whatever they are, a key that cannot be used verifies nothing.
      if (keys.kind === 'jwks') return keys.jwks as readonly JWK[]
      const { jwksUri, network } = keys
      const known = kept.get(jwksUri)
      const ageMs = known === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() - known.atMs
      const isGood = known?.keys != null && ageMs < FRESH_MS && !mayBeStale
      if (known !== undefined && (isGood || ageMs < ASKED_AGAIN_MS)) return known.keys
      const shared = underWay.get(jwksUri)
      if (shared !== undefined) return await shared
      const asking = fetchKeySet(jwksUri, network, fetch)
        .then((keys_) => {
          kept.set(jwksUri, { keys: keys_, atMs: clock.monotonicMs() })
          return keys_
        })
        .finally(() => underWay.delete(jwksUri))
      underWay.set(jwksUri, asking)
      return await asking
    },
  }
}

async function fetchKeySet(
  url: string,
  network: 'public' | 'private' | 'loopback',
  fetch: typeof fetchDocument,
): Promise<readonly JWK[] | null> {
  const answer = await fetch(url, {
    accept: 'application/jwk-set+json, application/json',
    bytesMax: JWKS_BYTES_MAX,
    timeoutMs: JWKS_TIMEOUT_MS,
    network,
  })
  if (!answer.ok || answer.value.status !== 200) return null
  const parsed = parseJson(answer.value.body, { depthMax: JWKS_DEPTH_MAX, numbers: 'request' })
  if (!parsed.ok || !isJsonObject(parsed.value)) return null
  const keys = memberOf(parsed.value, 'keys')
  if (!Array.isArray(keys) || keys.length > KEYS_MAX) return null
  // RFC 7517 §5: members and keys that are not understood are left out.
  return keys.filter((key) => typeof key === 'object' && key !== null && !Array.isArray(key)) as readonly JWK[]
}
