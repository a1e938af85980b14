import type { KeyPairKeyObjectResult } from 'node:crypto'
import type { Audit } from '../audit.ts'
import { newKey } from '../checks/forged-tokens.ts'
import { hasResult, headerOf, objectOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import { LoginFailed, LoginMissing } from '../login/login-failed.ts'
import { INITIALIZE } from '../target/mcp-message.ts'
import { prove } from './prove.ts'

/** Whether bound tokens are offered, and whether they are of use to nobody else. Null where they are not offered. */
export async function tryDpop(audit: Audit): Promise<string | null> {
  if (!Array.isArray(audit.logins.metadata['dpop_signing_alg_values_supported'])) return null
  if (audit.options.people.length === 0) return 'DPoP is offered (RFC 9449); not tried'
  try {
    return await tryBound(audit)
  } catch (error) {
    if (error instanceof LoginFailed || error instanceof LoginMissing) return 'DPoP is offered (RFC 9449); not tried'
    throw error
  }
}

async function tryBound(audit: Audit): Promise<string> {
  const key = newKey()
  const shared = await audit.logins.shared()
  const url = audit.logins.endpoint('token') ?? ''
  if (shared.refreshToken === null) return 'DPoP is offered (RFC 9449); not tried'
  const fields = { grant_type: 'refresh_token', refresh_token: shared.refreshToken }
  const answer = await withNonce((nonce) =>
    audit.logins.postForm('token', fields, shared.client, [['dpop', proofFor(audit, key, 'POST', url, nonce, null)]]),
  )
  const { access_token: token, token_type: type } = objectOf(answer) ?? {}
  if (answer.status !== 200 || typeof token !== 'string')
    return 'DPoP is offered (RFC 9449); a refresh with it is refused'
  if (String(type).toLowerCase() !== 'dpop')
    return 'DPoP is offered (RFC 9449); a refresh with it brings a token that is not bound'
  if (hasResult(await call(audit, [['authorization', `Bearer ${token}`]])))
    return 'DPoP is offered (RFC 9449) and not enforced: a bound token opens the server without its key'
  const bound = await withNonce((nonce) =>
    call(audit, [
      ['authorization', `DPoP ${token}`],
      ['dpop', proofFor(audit, key, 'POST', audit.target.url, nonce, token)],
    ]),
  )
  return hasResult(bound)
    ? 'DPoP is offered (RFC 9449) and enforced: a bound token is refused without its key'
    : 'DPoP is offered (RFC 9449), and the server takes no bound token, with its key or without'
}

function call(audit: Audit, headers: ReadonlyArray<readonly [string, string]>): Promise<Answer> {
  const era = audit.eras[0] ?? 'modern'
  const request = era === 'modern' ? { method: 'tools/list' } : { method: 'initialize', params: INITIALIZE }
  return audit.call(era, { ...request, headers, sessionId: null })
}

/** RFC 9449 §8, §9: a server may want a value of its own in the proof, and says so once. */
async function withNonce(ask: (nonce: string | null) => Promise<Answer>): Promise<Answer> {
  const answer = await ask(null)
  const nonce = headerOf(answer, 'dpop-nonce')
  return answer.status >= 400 && nonce !== null ? ask(nonce) : answer
}

function proofFor(
  audit: Audit,
  key: KeyPairKeyObjectResult,
  method: string,
  url: string,
  nonce: string | null,
  accessToken: string | null,
): string {
  const jti = audit.random(16).toString('base64url')
  return prove(key, { method, url, nonce, accessToken, jti, nowSeconds: audit.nowSeconds() })
}
