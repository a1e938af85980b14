import type { TenantId } from '#core/ids.ts'
import type { AuditPort, StoredCheckpoint } from '#store/ports/audit.ts'
import type { WitnessedCheckpoint } from './second-place.ts'
import type { LogHorizon } from './sequencer.ts'
import type { TreeFile } from './tree-file.ts'
import type { ExportLine } from './verify-log.ts'

const PAGE_RECORDS = 500
const PAGE_CHECKPOINTS = 500

/**
 * The whole log in order, checkpoints behind the records they cover, as the verifier reads it, up to the horizon: what is recorded while
 * this runs belongs to the next export. Its `witness` is the newest checkpoint of the second place: a store that was rolled back together
 * with its own checkpoints does not fit it.
 */
export async function* exportLog(
  port: AuditPort,
  tree: TreeFile,
  tenant: TenantId,
  { records, sizeMax, witness }: LogHorizon,
): AsyncGenerator<ExportLine> {
  const checkpoints = withWitness(checkpointsOf(port, tenant, sizeMax), witness)
  let next = await checkpoints.next()
  for (let position = 0; ; ) {
    const entries = await port.read(tenant, position, Math.min(PAGE_RECORDS, records - position))
    const leaves = await tree.read(position, entries.length)
    for (const [index, entry] of entries.entries()) {
      yield {
        type: 'record',
        position: entry.position,
        leaf: leaves[index]?.toString('base64') ?? '',
        body: entry.body,
      }
      position = entry.position + 1
      for (; !next.done && next.value.size === position; next = await checkpoints.next()) {
        yield { type: 'checkpoint', note: next.value.note }
      }
    }
    if (entries.length < PAGE_RECORDS || position >= records) break
  }
  // Checkpoints that cover more than is left: the verifier must see them to find the log shortened.
  for (; !next.done; next = await checkpoints.next()) yield { type: 'checkpoint', note: next.value.note }
}

type Placed = Pick<StoredCheckpoint, 'size' | 'note'>

/** In order of size; once where both places have the same note. */
async function* withWitness(
  checkpoints: AsyncGenerator<Placed, undefined>,
  witness: WitnessedCheckpoint | null,
): AsyncGenerator<Placed, undefined> {
  let waiting = witness
  for await (const checkpoint of checkpoints) {
    if (waiting !== null && checkpoint.size >= waiting.size) {
      if (checkpoint.note !== waiting.note) yield waiting
      waiting = null
    }
    yield checkpoint
  }
  if (waiting !== null) yield waiting
}

async function* checkpointsOf(
  port: AuditPort,
  tenant: TenantId,
  sizeMax: number,
): AsyncGenerator<StoredCheckpoint, undefined> {
  for (let fromSize = 0; ; ) {
    const page = await port.checkpoints(tenant, fromSize, PAGE_CHECKPOINTS)
    yield* page.filter(({ size }) => size <= sizeMax)
    if (page.length < PAGE_CHECKPOINTS) return
    fromSize = (page.at(-1)?.size ?? fromSize) + 1
  }
}
