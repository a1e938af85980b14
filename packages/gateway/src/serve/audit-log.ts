import { writeFile } from 'node:fs/promises'
import type { CheckpointSigner } from '#audit/checkpoint.ts'
import { type Sequencer, startSequencer } from '#audit/sequencer.ts'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { Random } from '#core/random.ts'
import type { Store } from '#store/ports/store.ts'
import { openStoreSigner } from './open-keys.ts'
import type { StateFolder } from './state-folder.ts'

/** Starts the sequencer of the tenant's log and leaves the verifier key where people find it. Throws LogTampered, KeyMismatch. */
export async function openAuditLog(
  store: Store,
  folder: StateFolder,
  tenant: TenantId,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): Promise<{ readonly sequencer: Sequencer; readonly signer: CheckpointSigner }> {
  const signer = await openStoreSigner({ store, folder, tenant, clock, random })
  await writeFile(folder.verifierKey, `${signer.verifierKey}\n`, { mode: 0o644 })
  const sequencer = await startSequencer({
    port: store.audit,
    leads: store.leads,
    hints: store.hints,
    tenant,
    signer,
    clock,
    treeFile: folder.auditTree,
    checkpointFile: folder.auditCheckpoints,
    onFailure: (cause) => log.error('the audit log could not be sequenced', { cause }),
  })
  return { sequencer, signer }
}
