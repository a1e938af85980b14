import { createHash } from 'node:crypto'
import { type CheckpointSigner, createCheckpointSigner, openCheckpoint } from '#audit/checkpoint.ts'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { Random } from '#core/random.ts'
import { claimKey, KeyMismatch, requireKeyFile } from '#keys/claimed-key.ts'
import { readOrCreateKeyFile } from '#keys/key-file.ts'
import { openSealer, type Sealer } from '#keys/sealer.ts'
import { canOpenKeys } from '#keys/signing-keys.ts'
import type { Store } from '#store/ports/store.ts'
import type { StateFolder } from './state-folder.ts'

const ED25519_SEED_BYTES = 32

export interface KeySources {
  readonly store: Pick<Store, 'keyClaims' | 'signingKeys' | 'audit'>
  readonly folder: StateFolder
  readonly tenant: TenantId
  readonly clock: Clock
  readonly random: Random
}

/**
 * The sealer of this state folder, if it is the store's: another opens nothing in it, and what it seals nobody else can open. Two gateways
 * that fill a new store at once agree on one key, and the other is told.
 * @throws KeyMismatch, KeyFileUnsafe
 */
export async function openStoreSealer({ store, folder, tenant, clock }: KeySources): Promise<Sealer> {
  const { keyClaims: claims, signingKeys } = store
  const file = folder.sealingKey
  const key = { claims, purpose: 'sealing', file } as const
  await requireKeyFile(key)
  const sealer = await openSealer(file)
  // A store from before keys were claimed says by what it holds which key is its own.
  if ((await claims.find('sealing')) === null && !(await canOpenKeys(signingKeys, sealer, tenant)))
    throw new KeyMismatch(file, 'what is sealed in the store does not open under the key of this state folder')
  await claimKey({ ...key, keyId: sealer.keyId }, clock)
  return sealer
}

/**
 * The signer of the log's checkpoints, likewise: a log is signed by one key, whoever leads.
 * @throws KeyMismatch, KeyFileUnsafe
 */
export async function openStoreSigner(sources: KeySources): Promise<CheckpointSigner> {
  const { store, folder, tenant, clock, random } = sources
  const key = { claims: store.keyClaims, purpose: 'checkpoint', file: folder.checkpointKey } as const
  await requireKeyFile(key)
  const seed = await readOrCreateKeyFile(key.file, () => random.bytes(ED25519_SEED_BYTES))
  const signer = createCheckpointSigner(seed, tenant)
  const newest = await store.audit.latestCheckpoint(tenant)
  const isClaimed = (await key.claims.find('checkpoint')) !== null
  // As above. A checkpoint of another key is for the sequencer to refuse: it knows what to say.
  if (isClaimed || newest === null || !('problem' in openCheckpoint(newest.note, signer.verifierKey)))
    await claimKey({ ...key, keyId: createHash('sha256').update(signer.verifierKey).digest('hex') }, clock)
  return signer
}
