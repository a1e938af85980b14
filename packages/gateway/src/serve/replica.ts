import { readFile, rename, writeFile } from 'node:fs/promises'
import type { Writer } from '#audit/create-trail.ts'
import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import { systemErrorCode } from '#core/system-error.ts'
import type { ReplicasPort } from '#store/ports/replicas.ts'

const BEAT_EVERY_MS = 2_000

export interface ReplicaSources {
  readonly replicas: ReplicasPort
  readonly tenant: TenantId
  /** Remembers the id of this state folder's last run. */
  readonly file: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface Replica extends Writer {
  /** Says goodbye. `areSettled`: every call it had has its outcome, so that nobody need look. */
  leave(areSettled: boolean): Promise<void>
}

/**
 * Makes this process known among those on its store, under an id of its own, for as long as it beats. The last run on this state folder is
 * over, since we hold the folder: it is ended at once, so that whoever leads settles its calls. If others took us for dead, we join anew:
 * the calls that were open are theirs to settle.
 */
export async function joinReplicas(sources: ReplicaSources): Promise<Replica> {
  const { replicas, tenant, file, log } = sources
  const last = await readId(file)
  if (last !== null) await replicas.end(tenant, last)
  let id = await join(sources)
  let isLeaving = false
  let isBeating = false
  const beat = async () => {
    if ((await replicas.beat(tenant, id)) === 'alive' || isLeaving) return
    log.warn('this gateway was taken for dead; calls that were under way have the outcome unknown', { replica: id })
    id = await join(sources)
  }
  const timer = setInterval(() => {
    if (isBeating) return
    isBeating = true
    beat()
      .catch((cause: unknown) => log.debug('the store did not take the sign of life', { cause }))
      .finally(() => {
        isBeating = false
      })
  }, BEAT_EVERY_MS)
  timer.unref()
  return {
    current: () => id,
    leave: async (areSettled) => {
      isLeaving = true
      clearInterval(timer)
      await replicas.end(tenant, id)
      if (areSettled) await replicas.settle(tenant, id, [])
    },
  }
}

/** Joined first, then remembered: a run that is killed in between is found by its silence. */
async function join({ replicas, tenant, file, clock, random }: ReplicaSources): Promise<string> {
  const id = uuidv7(random, clock.nowMs())
  await replicas.join(tenant, id, clock.nowSeconds())
  await writeFile(`${file}.new`, `${id}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
  return id
}

async function readId(file: string): Promise<string | null> {
  try {
    const id = (await readFile(file, 'utf8')).trim()
    return id === '' ? null : id
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return null
    throw cause
  }
}
