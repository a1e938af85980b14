import { writeFile } from 'node:fs/promises'
import { type CheckpointSigner, createCheckpointSigner } from '#audit/checkpoint.ts'
import { type Sequencer, startSequencer } from '#audit/sequencer.ts'
import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import type { Random } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { readOrCreateKeyFile } from '#keys/key-file.ts'
import type { Store } from '#store/ports/store.ts'
import type { StateFolder } from './state-folder.ts'

const ED25519_SEED_BYTES = 32

/** Starts the sequencer of the tenant's log and leaves the verifier key where people find it. Throws LogTampered. */
export async function openAuditLog(
  store: Store,
  folder: StateFolder,
  snapshot: Snapshot,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): Promise<{ readonly sequencer: Sequencer; readonly signer: CheckpointSigner }> {
  const seed = await readOrCreateKeyFile(folder.checkpointKey, () => random.bytes(ED25519_SEED_BYTES))
  const signer = createCheckpointSigner(seed, snapshot.tenant)
  await writeFile(folder.verifierKey, `${signer.verifierKey}\n`, { mode: 0o644 })
  const sequencer = await startSequencer({
    port: store.audit,
    tenant: snapshot.tenant,
    signer,
    clock,
    treeFile: folder.auditTree,
    checkpointFile: folder.auditCheckpoints,
    onFailure: (cause) => log.error('the audit log could not be sequenced', { cause }),
  })
  return { sequencer, signer }
}
