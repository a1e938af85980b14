import type { Adapter, Payload } from 'oidc-provider'
import { engineClient, sendsSecretAsConfigured } from './clients.ts'
import { narrowRefreshToken } from './narrow-refresh.ts'
import { currentUnit } from './unit-of-work.ts'

/** Why the engine revokes a grant, by what it was doing. */
const CAUSE_BY_MODEL: Readonly<Record<string, string>> = {
  AuthorizationCode: 'codeReplayed',
  RefreshToken: 'refreshTokenReused',
  DeviceCode: 'codeReplayed',
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
      // The engine marks a code that a person has confirmed by reading and saving; of two who do so at once, the insert lets one.
      if (model === 'DeviceCode' && payload['inFlight'] === true && currentUnit().endpoint === 'device')
        currentUnit().put('insert', 'DeviceBegun', id, {}, expiresIn)
    },
    async find(id) {
      const unit = currentUnit()
      if (model === 'PushedAuthorizationRequest') return findPushed(id)
      if (model !== 'Client') {
        const found = await unit.find(model, id)
        return found !== undefined && model === 'RefreshToken' && unit.endpoint === 'token'
          ? narrowRefreshToken(found, unit)
          : found
      }
      const resolution = await unit.resolveClient(id)
      if (sendsSecretAsConfigured(resolution, unit.secretIn)) return engineClient(resolution, id)
      // RFC 6749 §5.2: to the engine it is a client that nobody knows, which is what the caller is told of every failed authentication.
      unit.refusal ??= { code: 'invalid_client', description: null, detail: null, reason: 'clientAuthMethodWrong' }
      return undefined
    },
    async findByUid(uid) {
      return currentUnit().findByUid(model, uid)
    },
    async findByUserCode(userCode) {
      return currentUnit().findByUserCode(model, userCode)
    },
    async consume(id) {
      // Used up when it was presented; see `findPushed`.
      if (model !== 'PushedAuthorizationRequest') currentUnit().consume(model, id)
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
 * The engine uses a pushed request up when a code is issued for it, and forgets about it when it expires before that: people take longer to
 * consent. Here presenting it at the authorization endpoint uses it up, in the commit that opens the interaction (RFC 9126 §4, §7.3).
 */
async function findPushed(id: string): Promise<Payload | undefined> {
  const unit = currentUnit()
  if (unit.endpoint !== 'authorize') return undefined
  const found = await unit.find('PushedAuthorizationRequest', id)
  if (found !== undefined && found['consumed'] === undefined) unit.consume('PushedAuthorizationRequest', id)
  return found
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
