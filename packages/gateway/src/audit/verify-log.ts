import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { leafHash, MerkleFrontier } from './merkle.ts'

/** One line of an export (docs/specs/audit-export.md), in order of position; a checkpoint stands after the last record it covers. */
export type ExportLine =
  | { readonly type: 'record'; readonly position: number; readonly leaf: string; readonly body: string }
  | { readonly type: 'checkpoint'; readonly note: string }

export interface VerificationReport {
  readonly isWhole: boolean
  readonly records: number
  readonly checkpoints: number
  /** Size of the last checkpoint that holds: records after it are consistent but vouched for by nobody yet. */
  readonly vouchedFor: number
  /** The first fault, in words, with the position or the checkpoint interval it lies in. */
  readonly fault: string | null
}

/**
 * Checks an export with nothing but the verifier key: each record against its leaf, the leaves against the signed roots.
 * A changed record is named by position; a rewritten tree by the checkpoint interval in which it happened.
 */
export async function verifyLog(
  lines: AsyncIterable<ExportLine> | Iterable<ExportLine>,
  verifierKey: string,
): Promise<VerificationReport> {
  const frontier = new MerkleFrontier()
  let checkpoints = 0
  let vouchedFor = 0
  const report = (fault: string | null): VerificationReport => ({
    isWhole: fault === null,
    records: frontier.size,
    checkpoints,
    vouchedFor,
    fault,
  })
  for await (const line of lines) {
    if (line.type === 'record') {
      if (line.position !== frontier.size)
        return report(`record ${frontier.size} is missing; the next one is ${line.position}`)
      const leaf = leafHash(Buffer.from(line.body))
      if (leaf.toString('base64') !== line.leaf)
        return report(`record ${line.position} was changed after it was logged`)
      frontier.append(leaf)
      continue
    }
    const checkpoint = openCheckpoint(line.note, verifierKey)
    const fault = checkpointFault(checkpoint, frontier, vouchedFor)
    if (fault !== null) return report(fault)
    checkpoints += 1
    vouchedFor = frontier.size
  }
  return report(checkpoints === 0 ? 'no checkpoint is in it, so nobody vouches for what is there' : null)
}

function checkpointFault(
  checkpoint: Checkpoint | { readonly problem: string },
  frontier: MerkleFrontier,
  vouchedFor: number,
): string | null {
  const interval = `between records ${vouchedFor} and ${Math.max(frontier.size - 1, vouchedFor)}`
  if ('problem' in checkpoint) return `${checkpoint.problem} (${interval})`
  if (checkpoint.size !== frontier.size)
    return `${checkpoint.size} records were signed, ${frontier.size} are here (${interval})`
  return checkpoint.root.equals(frontier.root()) ? null : `the tree was rewritten ${interval}`
}
