import { createHash } from 'node:crypto'
import { type AdminError, adminError } from './errors.ts'

/** A strong validator (RFC 9110 §8.8.3) of whatever the parts hold. */
export function etagOf(...parts: readonly unknown[]): string {
  return `"${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)}"`
}

/** RFC 9110 §13.1.1. Null when the change may go on: nobody asked, or what they saw still holds. */
export function checkIfMatch(ifMatch: string | null, etag: string): AdminError | null {
  if (ifMatch === null) return null
  const given = ifMatch.split(',').map((value) => value.trim())
  if (given.includes('*') || given.includes(etag)) return null
  return adminError('preconditionFailed', 'It changed since you read it. Read it again and decide anew.')
}
