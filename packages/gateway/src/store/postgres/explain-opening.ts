import { DatabaseError } from 'pg'
import { systemErrorCode } from '#core/system-error.ts'
import { StoreFailure, StoreUnavailable } from '../errors.ts'
import { toStoreError } from './failures.ts'

/** What the operator can do something about, by SQLSTATE. */
const REFUSALS: Readonly<Record<string, string>> = {
  '28P01': 'the database server refuses the password',
  '28000': 'the database server refuses the user',
  '3D000': 'the database server has no such database',
  '42501':
    'the role may not do what a new version needs: run `sallyport db migrate` as one that may make schemas and tables',
}
const UNREACHABLE = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|ENOENT|EACCES)$/
const CERTIFICATE = /CERT|SIGNATURE|ALTNAME|ISSUER/

/** Why the store could not be opened, in words that hold no address and no credential; the driver's own are the cause. */
export function explainOpening(cause: unknown): Error {
  if (cause instanceof DatabaseError) {
    const refusal = REFUSALS[cause.code ?? '']
    if (refusal !== undefined) return new StoreFailure(refusal, { cause })
  } else if (!(cause instanceof StoreFailure) && cause instanceof Error) {
    const code = systemErrorCode(cause) ?? ''
    if (CERTIFICATE.test(code))
      return new StoreFailure(`the certificate of the database server is not believed (${code})`, { cause })
    if (UNREACHABLE.test(code))
      return new StoreUnavailable(`the database server cannot be reached (${code})`, { cause })
    if (cause.message === 'timeout expired')
      return new StoreUnavailable('the database server does not answer in time', { cause })
    if (cause.message.startsWith('SASL: ') && cause.message.includes('password must be'))
      return new StoreFailure('the database server asks for a password, and none is configured', { cause })
    if (cause.message.includes('does not support SSL'))
      return new StoreFailure('the database server offers no TLS', { cause })
  }
  return toStoreError(cause, 'its opening')
}
