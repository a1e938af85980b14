import { createHash } from 'node:crypto'
import { asSubjectId, type ClientId, type SubjectId } from './ids.ts'

const PREFIX = 'svc_'
/** 160 bits: nobody finds two names with one subject. Hexadecimal, because subjects name folders on systems that ignore case. */
const DIGEST_CHARACTERS = 40

/**
 * The subject of a client that speaks for itself (RFC 9068 §2.2). Its own namespace: people's subjects are UUIDs, so that no client id, chosen
 * however it is, makes a client a person (RFC 9068 §5).
 */
export function serviceSubject(clientId: ClientId): SubjectId {
  return asSubjectId(
    PREFIX + createHash('sha256').update(`client ${clientId}`).digest('hex').slice(0, DIGEST_CHARACTERS),
  )
}

export function isServiceSubject(subject: string): boolean {
  return subject.startsWith(PREFIX)
}
