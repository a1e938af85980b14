import { createHash, createHmac } from 'node:crypto'
import type { Payload } from 'oidc-provider'
import type { TenantId } from '#core/ids.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { EngineDocument, NewEngineDocument } from '#store/ports/engine.ts'

/**
 * How the engine's documents are kept. An id that is itself a credential (code, refresh token, session cookie, interaction cookie) is
 * stored as its SHA-256 and its payload is sealed, so that neither a copy of the database nor a look at it yields anything to use.
 * The ids of the other models are names, not secrets: a grant's id is the `gid` of its access tokens.
 */
const OPEN_MODELS: ReadonlySet<string> = new Set(['Grant', 'ReplayDetection'])

/** The payload fields that repeat the id. They are dropped before sealing and put back from the id that was asked for. */
const ID_FIELDS = ['jti']
/** The engine finds it by another code too, and saves it again under its id: that stays in the sealed payload. */
const FOUND_OTHERWISE: ReadonlySet<string> = new Set(['DeviceCode'])
/** RFC 8628 §3.5: for so long a device hears that its code has expired, and not that there never was one. */
const EXPIRED_KEPT_SECONDS = 600

export function storedId(model: string, id: string): string {
  return OPEN_MODELS.has(model) ? id : createHash('sha256').update(id).digest('base64url')
}

/** The document to store. `expiresIn` is in seconds; without it the document never expires. */
export function documentOf(
  place: { readonly tenant: TenantId; readonly sealer: Sealer; readonly now: number },
  model: string,
  id: string,
  payload: Payload,
  expiresIn: number | undefined,
): NewEngineDocument {
  const key = storedId(model, id)
  const kept = FOUND_OTHERWISE.has(model)
    ? payload
    : Object.fromEntries(Object.entries(payload).filter(([name]) => !ID_FIELDS.includes(name)))
  const keptSeconds = FOUND_OTHERWISE.has(model) ? EXPIRED_KEPT_SECONDS : 0
  const userCode = text(payload['userCode'])
  return {
    model,
    id: key,
    payload: OPEN_MODELS.has(model)
      ? JSON.stringify(kept)
      : Buffer.from(place.sealer.seal(Buffer.from(JSON.stringify(kept)), boundTo(place.tenant, model, key))).toString(
          'base64',
        ),
    grantId: model === 'Grant' ? id : text(payload['grantId']),
    // Only sessions are found by their uid; an interaction's uid is its id, a secret.
    uid: model === 'Session' ? text(payload['uid']) : null,
    userCode: userCode === null ? null : storedUserCode(place.sealer, place.tenant, userCode),
    accountId: accountOf(payload),
    clientId: text(payload['clientId']) ?? text(record(payload['params'])['client_id']),
    expiresAt: expiresIn === undefined ? null : place.now + expiresIn + keptSeconds,
  }
}

const userCodeKeys = new WeakMap<Sealer, Uint8Array>()

/** A user code is short enough to be found from its hash; under a key of ours that needs the key too. */
export function storedUserCode(sealer: Sealer, tenant: TenantId, userCode: string): string {
  const key = userCodeKeys.get(sealer) ?? sealer.deriveKey('device user codes')
  userCodeKeys.set(sealer, key)
  return createHmac('sha256', key).update(`${tenant} ${userCode}`).digest('base64url')
}

/** The payload as the engine expects it. `id` is what was asked for; null when the document was found by its uid. Throws when the seal is broken. */
export function payloadOf(
  place: { readonly tenant: TenantId; readonly sealer: Sealer },
  document: EngineDocument,
  id: string | null,
): Payload {
  const text = OPEN_MODELS.has(document.model)
    ? document.payload
    : Buffer.from(
        place.sealer.open(Buffer.from(document.payload, 'base64'), boundTo(place.tenant, document.model, document.id)),
      ).toString('utf8')
  return {
    ...record(JSON.parse(text)),
    ...(id === null ? {} : { jti: id }),
    ...(document.consumedAt === null ? {} : { consumed: document.consumedAt }),
  }
}

/** Whom the document belongs to, so that it ends with their access: also a login that was made and not yet used. */
function accountOf(payload: Payload): string | null {
  const login = record(record(payload['result'])['login'])
  return text(payload['accountId']) ?? text(login['accountId']) ?? text(record(payload['session'])['accountId'])
}

function boundTo(tenant: TenantId, model: string, key: string): string {
  return `engine|${tenant}|${model}|${key}`
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function record(value: unknown): Record<string, unknown> {
  // Guaranteed by the check: a non-null object can be read by key.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
