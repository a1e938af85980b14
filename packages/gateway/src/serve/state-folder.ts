import { chmod, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeFolder } from './make-folder.ts'

/** Where everything that is kept lives. The folder is ours alone: 0700. */
export interface StateFolder {
  readonly path: string
  readonly database: string
  readonly sealingKey: string
  readonly checkpointKey: string
  /** Leaf hashes of the audit log, apart from the store. */
  readonly auditTree: string
  readonly auditCheckpoints: string
  readonly verifierKey: string
  /** Id of the last run among the gateways of a store that several use. */
  readonly replica: string
}

/** Creates the folder if need be. Throws if it is not a folder or cannot be made private. */
export async function openStateFolder(stateDir: string): Promise<StateFolder> {
  const path = resolve(stateDir)
  await makeFolder(path)
  if (!(await stat(path)).isDirectory()) throw new Error(`${path} is not a folder`)
  await chmod(path, 0o700)
  for (const folder of ['keys', 'audit']) await makeFolder(join(path, folder))
  return {
    path,
    database: join(path, 'sallyport.db'),
    sealingKey: join(path, 'keys', 'sealing.key'),
    checkpointKey: join(path, 'keys', 'checkpoint.key'),
    auditTree: join(path, 'audit', 'leaves'),
    auditCheckpoints: join(path, 'audit', 'checkpoints'),
    verifierKey: join(path, 'audit', 'verifier-key'),
    replica: join(path, 'replica'),
  }
}
