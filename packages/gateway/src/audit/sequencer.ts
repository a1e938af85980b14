import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { AuditPort } from '#store/ports/audit.ts'
import type { HintsPort } from '#store/ports/hints.ts'
import type { Lead, LeadsPort } from '#store/ports/leads.ts'
import { type CheckpointSigner, openCheckpoint } from './checkpoint.ts'
import { leafHash } from './merkle.ts'
import { endTornNote, newestWitness, type WitnessedCheckpoint } from './second-place.ts'
import { TreeFile } from './tree-file.ts'

/** Records get their place in the log at least this often. */
const SEQUENCE_EVERY_MS = 500
const SEQUENCE_BATCH_MAX = 1_000
/** A signed checkpoint at least this often while the log grows: what tampering after it cannot hide behind. */
const CHECKPOINT_EVERY_MS = 10_000
/** Longest wait for the process that gives places, where that is another one. */
const LEADER_WAIT_MS = 8_000
const LEADER_LOOK_MS = 100

export interface SequencerOptions {
  readonly port: AuditPort
  /** Who gives places, of all processes on this store. */
  readonly leads: LeadsPort
  readonly hints: HintsPort
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
  /** Everything recorded so far has its place and is under a checkpoint when this resolves. Rejects when that takes too long. */
  settle(): Promise<void>
  /** Up to where the log can be shown now. */
  horizon(): Promise<LogHorizon>
  readonly tree: TreeFile
  /** Whether this process gives the places; of several on one store, one does. */
  readonly isLeader: boolean
  close(): Promise<void>
}

export interface LogHorizon {
  /** Records whose leaves are hashed here. */
  readonly records: number
  /** Checkpoints of the store up to this size belong to them, or should. */
  readonly sizeMax: number
  /** The newest checkpoint in the second place. */
  readonly witness: WitnessedCheckpoint | null
}

/** The log does not fit what was signed or hashed before. Nothing is signed over it; the operator decides. */
export class LogTampered extends Error {
  override readonly name = 'LogTampered'
}

/**
 * To be asked before anything is written into a store: whether its log can be the one that this folder remembers. A store that is new, or
 * was put back to an earlier moment, is left as it is. @throws LogTampered
 */
export async function requireRemembered(
  port: Pick<AuditPort, 'size'>,
  tenant: TenantId,
  treeFile: string,
): Promise<void> {
  const hashed = await TreeFile.sizeOf(treeFile)
  const size = await port.size(tenant)
  if (hashed > size) throw new LogTampered(shrunk(size, hashed))
}

function shrunk(size: number, hashed: number): string {
  return `the audit log holds ${size} records but ${hashed} were hashed before`
}

/**
 * Starts what keeps the log: positions, leaf hashes, checkpoints. Of several processes on one store one leads: it gives places and signs.
 * The others follow: each hashes the records itself and holds every checkpoint against its own tree, so that any of them can lead next and
 * all of them are witnesses. Throws LogTampered if the log shrank or its tree changed.
 */
export async function startSequencer(options: SequencerOptions): Promise<Sequencer> {
  const { port, tenant, leads, hints, signer, clock, checkpointFile, onFailure } = options
  const tree = await TreeFile.open(options.treeFile)
  let lead: Lead | null = null
  try {
    await mkdir(dirname(checkpointFile), { recursive: true, mode: 0o700 })
    await endTornNote(checkpointFile)
    lead = await leads.tryLead(tenant)
    await catchUp(options, tree)
  } catch (cause) {
    await lead?.release()
    await tree.close()
    throw cause
  }
  let lastCheckpointMs = clock.monotonicMs()
  let witnessed = (await newestWitness(checkpointFile, signer.verifierKey))?.size ?? 0
  let tampered: LogTampered | null = null
  let running: Promise<void> = Promise.resolve()

  /** Whoever becomes the leader holds the log against everything that was signed, once more. */
  const takeLead = async (): Promise<Lead | null> => {
    const taken = await leads.tryLead(tenant)
    try {
      if (taken !== null) await catchUp(options, tree)
      return taken
    } catch (cause) {
      await taken?.release()
      throw cause
    }
  }
  const sequence = async (held: Lead, mustSign: boolean): Promise<void> => {
    // What arrives meanwhile is for the next time, or a busy log would never be signed.
    const { newest } = await port.progress(tenant)
    for (;;) {
      const placed = await held.sequence(SEQUENCE_BATCH_MAX)
      // After a failed append (disk full) the tree lags behind the positions; it must never skip one.
      if (placed[0] !== undefined && placed[0].position !== tree.frontier.size) await appendMissing(options, tree)
      else await tree.append(placed.map((entry) => leafHash(Buffer.from(entry.body))))
      if (placed.length < SEQUENCE_BATCH_MAX) break
      const { unplaced } = await port.progress(tenant)
      if (unplaced === null || unplaced > newest) break
    }
    const isDue = clock.monotonicMs() - lastCheckpointMs >= CHECKPOINT_EVERY_MS
    if (mustSign || isDue) {
      witnessed = Math.max(witnessed, await signCheckpoint(options, held, tree))
      lastCheckpointMs = clock.monotonicMs()
    }
  }
  const follow = async (): Promise<void> => {
    const newest = await port.latestCheckpoint(tenant)
    await appendMissing(options, tree)
    if (newest === null || newest.size <= witnessed) return
    await holdAgainst(newest.note, options, tree)
    await appendFile(checkpointFile, `${newest.note}\n`, { mode: 0o600 })
    witnessed = newest.size
  }
  const work = async (mustSign: boolean): Promise<void> => {
    if (tampered !== null) throw tampered
    try {
      if (lead?.isHeld !== true) lead = await takeLead()
      await (lead === null ? follow() : sequence(lead, mustSign))
    } catch (cause) {
      if (cause instanceof LogTampered) {
        tampered = cause
        await lead?.release()
        onFailure(cause)
      }
      throw cause
    }
  }
  const enqueue = (mustSign: boolean): Promise<void> => {
    const next = running.then(() => work(mustSign))
    running = next.catch(() => undefined)
    return next
  }
  let isBusy = false
  let isFailing = false
  const workSoon = (mustSign: boolean) => {
    if (isBusy || tampered !== null) return
    isBusy = true
    enqueue(mustSign)
      .then(
        () => {
          isFailing = false
        },
        (cause: unknown) => {
          // Once, not twice a second for as long as a database is away.
          if (!isFailing && cause !== tampered) onFailure(cause)
          isFailing = true
        },
      )
      .finally(() => {
        isBusy = false
      })
  }
  const timer = setInterval(() => workSoon(false), SEQUENCE_EVERY_MS)
  timer.unref()
  const unsubscribe = hints.subscribe((hint) => {
    if (hint === 'settle' && lead?.isHeld === true) workSoon(true)
  })

  /** Asks whoever leads, and follows until it is done; takes over if nobody leads any more. */
  const settleBehind = async (): Promise<void> => {
    const { newest } = await port.progress(tenant)
    const deadlineMs = clock.monotonicMs() + LEADER_WAIT_MS
    let size: number | null = null
    while (clock.monotonicMs() < deadlineMs) {
      hints.send('settle')
      await enqueue(false)
      if (lead?.isHeld === true) return enqueue(true)
      const { unplaced } = await port.progress(tenant)
      if (size === null && (unplaced === null || unplaced > newest)) size = await port.size(tenant)
      if (size !== null && tree.frontier.size >= size && witnessed >= size) return
      await new Promise((resolve) => setTimeout(resolve, LEADER_LOOK_MS))
    }
    throw new Error('nobody gave the newest records their places in the log in time')
  }

  return {
    tree,
    get isLeader() {
      return lead?.isHeld === true
    },
    settle: () => (lead?.isHeld === true ? enqueue(true) : settleBehind()),
    horizon: async () => {
      const newest = await port.latestCheckpoint(tenant)
      if (lead?.isHeld !== true) await enqueue(false)
      const records = tree.frontier.size
      const witness = await newestWitness(checkpointFile, signer.verifierKey)
      return { records, sizeMax: Math.max(records, newest?.size ?? 0), witness }
    },
    close: async () => {
      clearInterval(timer)
      unsubscribe()
      if (lead?.isHeld === true) await enqueue(true).catch(onFailure)
      await running
      await lead?.release()
      await tree.close()
    },
  }
}

/** After a crash the tree may lack the last positions; it never has more. */
async function catchUp(options: SequencerOptions, tree: TreeFile): Promise<void> {
  const { port, tenant } = options
  const checkpoint = await port.latestCheckpoint(tenant)
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

/** Hashes what has a position but no leaf yet. There is never a leaf without a record: whatever was hashed had been committed before. */
async function appendMissing({ port, tenant }: SequencerOptions, tree: TreeFile): Promise<void> {
  const size = await port.size(tenant)
  if (tree.frontier.size > size) throw new LogTampered(shrunk(size, tree.frontier.size))
  while (tree.frontier.size < size) {
    const entries = await port.read(tenant, tree.frontier.size, SEQUENCE_BATCH_MAX)
    if (entries[0]?.position !== tree.frontier.size) {
      throw new LogTampered(`the audit log has no record at position ${tree.frontier.size}`)
    }
    await tree.append(entries.map((entry) => leafHash(Buffer.from(entry.body))))
  }
}

/** Answers how many records are under a checkpoint. */
async function signCheckpoint(
  { port, tenant, signer, clock, checkpointFile }: SequencerOptions,
  lead: Lead,
  tree: TreeFile,
): Promise<number> {
  const { size } = tree.frontier
  const signed = (await port.latestCheckpoint(tenant))?.size ?? 0
  if (signed >= size) return signed
  const note = signer.sign(size, tree.frontier.root())
  await lead.addCheckpoint({ tenant, size, note, timeMs: clock.nowMs() })
  await appendFile(checkpointFile, `${note}\n`, { mode: 0o600 })
  return size
}
