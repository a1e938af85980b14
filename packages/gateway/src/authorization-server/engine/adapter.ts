import type { Adapter, Payload } from 'oidc-provider'
import { engineClient, sendsSecretAsConfigured } from './clients.ts'
import { currentUnit } from './unit-of-work.ts'

/** Why the engine revokes a grant, by what it was doing. */
const CAUSE_BY_MODEL: Readonly<Record<string, string>> = {
  AuthorizationCode: 'codeReplayed',
  RefreshToken: 'refreshTokenReused',
}

/** The engine's storage: every call goes to the unit of work of the request that makes it. */
export function createAdapter(model: string): Adapter {
  return {
    async upsert(id, payload, expiresIn) {
      // The engine never writes clients here: registration is ours.
      if (model === 'Client') throw new Error('the engine tried to store a client')
      // Replay detection is find-then-save in the engine; only a plain insert makes one of two parallel uses lose.
      if (model === 'ReplayDetection') currentUnit().put('insert', model, id, payload, expiresIn)
      else currentUnit().put('upsert', model, id, kept(model, payload), expiresIn)
    },
    async find(id) {
      const unit = currentUnit()
      if (model !== 'Client') return unit.find(model, id)
      const resolution = await unit.resolveClient(id)
      if (sendsSecretAsConfigured(resolution, unit.secretIn)) return engineClient(resolution, id)
      // RFC 6749 §5.2: to the engine it is a client that nobody knows, which is what the caller is told of every failed authentication.
      unit.refusal ??= { code: 'invalid_client', description: null, detail: null, reason: 'clientAuthMethodWrong' }
      return undefined
    },
    async findByUid(uid) {
      return currentUnit().findByUid(model, uid)
    },
    async findByUserCode() {
      // Only the device flow has user codes, and it is off.
      return undefined
    },
    async consume(id) {
      currentUnit().consume(model, id)
    },
    async destroy(id) {
      const unit = currentUnit()
      // The engine destroys a Grant only to revoke it; that must reach our own grant row and the feed.
      if (model === 'Grant') unit.revokeGrant(id, causeNow())
      else unit.destroy(model, id)
    },
    async revokeByGrantId(grantId) {
      currentUnit().revokeGrant(grantId, causeNow())
    },
  }
}

/**
 * A session's list of authorizations grows with every client and is read by nobody here: a grant comes from its own interaction only
 * (ADR 0004). It is dropped, so that a session stays small.
 */
function kept(model: string, payload: Payload): Payload {
  if (model !== 'Session') return payload
  const { authorizations: _, ...rest } = payload
  return rest
}

function causeNow(): string {
  const unit = currentUnit()
  if (unit.endpoint === 'revoke') return 'revokedByClient'
  return (unit.replay === null ? undefined : CAUSE_BY_MODEL[unit.replay.model]) ?? 'revokedByEngine'
}
