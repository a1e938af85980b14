import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { AuditPort } from '#store/ports/audit.ts'
import { type CheckpointSigner, openCheckpoint } from './checkpoint.ts'
import { leafHash } from './merkle.ts'
import { endTornNote, newestWitness, type WitnessedCheckpoint } from './second-place.ts'
import { TreeFile } from './tree-file.ts'

/** Records get their place in the log at least this often. */
const SEQUENCE_EVERY_MS = 500
const SEQUENCE_BATCH_MAX = 1_000
/** A signed checkpoint at least this often while the log grows: what tampering after it cannot hide behind. */
const CHECKPOINT_EVERY_MS = 10_000

export interface SequencerOptions {
  readonly port: AuditPort
  readonly tenant: TenantId
  readonly signer: CheckpointSigner
  readonly clock: Clock
  /** Leaf hashes; see tree-file.ts. */
  readonly treeFile: string
  /** The second place for checkpoints: one signed note after another, append only. */
  readonly checkpointFile: string
  readonly onFailure: (cause: unknown) => void
}

export interface Sequencer {
  /** Places and checkpoints everything recorded so far. */
  settle(): Promise<void>
  /** The newest checkpoint in the second place. */
  witness(): Promise<WitnessedCheckpoint | null>
  readonly tree: TreeFile
  close(): Promise<void>
}

/** The log does not fit what was signed or hashed before. Nothing is signed over it; the operator decides. */
export class LogTampered extends Error {
  override readonly name = 'LogTampered'
}

/** Starts the one sequencer of a log: positions, leaf hashes, checkpoints. Throws LogTampered if the log shrank or its tree changed. */
export async function startSequencer(options: SequencerOptions): Promise<Sequencer> {
  const tree = await TreeFile.open(options.treeFile)
  try {
    await mkdir(dirname(options.checkpointFile), { recursive: true, mode: 0o700 })
    await endTornNote(options.checkpointFile)
    await catchUp(options, tree)
  } catch (cause) {
    await tree.close()
    throw cause
  }
  let lastCheckpointMs = options.clock.monotonicMs()
  let running: Promise<void> = Promise.resolve()

  const sequence = async (mustSign: boolean): Promise<void> => {
    for (;;) {
      const placed = await options.port.sequence(options.tenant, SEQUENCE_BATCH_MAX)
      // After a failed append (disk full) the tree lags behind the positions; it must never skip one.
      if (placed[0] !== undefined && placed[0].position !== tree.frontier.size) await appendMissing(options, tree)
      else await tree.append(placed.map((entry) => leafHash(Buffer.from(entry.body))))
      if (placed.length < SEQUENCE_BATCH_MAX) break
    }
    const isDue = options.clock.monotonicMs() - lastCheckpointMs >= CHECKPOINT_EVERY_MS
    if (mustSign || isDue) {
      await signCheckpoint(options, tree)
      lastCheckpointMs = options.clock.monotonicMs()
    }
  }
  const enqueue = (mustSign: boolean): Promise<void> => {
    const next = running.then(() => sequence(mustSign))
    running = next.catch(() => undefined)
    return next
  }
  let isBusy = false
  const timer = setInterval(() => {
    if (isBusy) return
    isBusy = true
    enqueue(false)
      .catch(options.onFailure)
      .finally(() => {
        isBusy = false
      })
  }, SEQUENCE_EVERY_MS)
  timer.unref()

  return {
    tree,
    settle: () => enqueue(true),
    witness: () => newestWitness(options.checkpointFile, options.signer.verifierKey),
    close: async () => {
      clearInterval(timer)
      await enqueue(true).catch(options.onFailure)
      await tree.close()
    },
  }
}

/** After a crash the tree may lack the last positions; it never has more. */
async function catchUp(options: SequencerOptions, tree: TreeFile): Promise<void> {
  const { port, tenant } = options
  const size = await port.size(tenant)
  const checkpoint = await port.latestCheckpoint(tenant)
  if (tree.frontier.size > size) {
    throw new LogTampered(`the audit log holds ${size} records but ${tree.frontier.size} were hashed before`)
  }
  await appendMissing(options, tree)
  const witness = await newestWitness(options.checkpointFile, options.signer.verifierKey)
  for (const note of [checkpoint?.note, witness?.note]) if (note !== undefined) await holdAgainst(note, options, tree)
}

/** Only a tree that has the signed root at the signed size may be signed on. What was left outside the store counts as much. */
async function holdAgainst(note: string, { signer }: SequencerOptions, tree: TreeFile): Promise<void> {
  const opened = openCheckpoint(note, signer.verifierKey)
  if ('problem' in opened) throw new LogTampered(`the last checkpoint cannot be believed: ${opened.problem}`)
  const { size } = tree.frontier
  if (opened.size > size) throw new LogTampered(`${opened.size} records were signed but ${size} are left`)
  if (!opened.root.equals(await tree.rootAt(opened.size))) {
    throw new LogTampered('the audit log has another root than its last checkpoint')
  }
}

/** Hashes what has a position but no leaf yet. */
async function appendMissing({ port, tenant }: SequencerOptions, tree: TreeFile): Promise<void> {
  const size = await port.size(tenant)
  while (tree.frontier.size < size) {
    const entries = await port.read(tenant, tree.frontier.size, SEQUENCE_BATCH_MAX)
    if (entries[0]?.position !== tree.frontier.size) {
      throw new LogTampered(`the audit log has no record at position ${tree.frontier.size}`)
    }
    await tree.append(entries.map((entry) => leafHash(Buffer.from(entry.body))))
  }
}

async function signCheckpoint(
  { port, tenant, signer, clock, checkpointFile }: SequencerOptions,
  tree: TreeFile,
): Promise<void> {
  const { size } = tree.frontier
  if (((await port.latestCheckpoint(tenant))?.size ?? 0) >= size) return
  const note = signer.sign(size, tree.frontier.root())
  await port.addCheckpoint({ tenant, size, note, timeMs: clock.nowMs() })
  await appendFile(checkpointFile, `${note}\n`, { mode: 0o600 })
}
