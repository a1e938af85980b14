import type { MessageId } from '#wire/jsonrpc/message.ts'
import { LATEST_LEGACY_REVISION, LATEST_MODERN_REVISION, revisionsOf } from '#wire/mcp/revisions.ts'
import type { Refusal } from '../refusal.ts'

/** An upstream could not be asked. `reason` is for the audit record, as everywhere. */
export class UpstreamUnready extends Error {
  override readonly name = 'UpstreamUnready'
  readonly reason: string

  constructor(reason: string) {
    super('the upstream cannot be asked')
    this.reason = reason
  }
}

/** Ways in which an upstream lied rather than failed. */
const LIES: ReadonlySet<string> = new Set([
  'resultTooLarge',
  'jsonInvalid',
  'answerMissing',
  'streamMalformed',
  'mediaTypeUnexpected',
  'lineTooLong',
  'stdoutNotProtocol',
])

/** What to say of a request that got no answer. An upstream of the other era is named as what it is: its client may know both. */
export function refusalOfLoss(reason: string, id: MessageId | null): Refusal {
  switch (reason) {
    case 'legacyOnly':
      return { name: 'revisionUnsupported', requested: LATEST_MODERN_REVISION, supported: revisionsOf('legacy'), id }
    case 'modernOnly':
      return { name: 'revisionUnsupported', requested: LATEST_LEGACY_REVISION, supported: revisionsOf('modern'), id }
    default:
      return LIES.has(reason) ? { name: 'resultRefused', reason, id } : { name: 'upstreamUnavailable', reason, id }
  }
}
