import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import type { LiveRevocations } from '#identity/revocations.ts'
import { rotateSigningKeys } from '#keys/rotate-signing-keys.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { KeyAudit, SigningKeys } from '#keys/signing-keys.ts'
import type { SigningKeysPort } from '#store/ports/signing-keys.ts'

/** How often is looked whether something is due; more often where keys are published for less than a minute. */
const EVERY_MS = 30_000
const EVERY_MS_MIN = 500

export interface RotatingKeysDependencies {
  readonly keys: SigningKeys
  readonly port: SigningKeysPort
  readonly sealer: Sealer
  readonly tenant: TenantId
  readonly audit: KeyAudit
  readonly clock: Clock
  readonly snapshots: SnapshotSource
  readonly revocations: Pick<LiveRevocations, 'onEntries' | 'onReplay'>
  readonly log: Log
}

export interface RotatingKeys {
  /** Resolves when what the feed has said of keys so far is done here. */
  settled(): Promise<void>
  close(): Promise<void>
}

/**
 * Keeps the signing keys of this process those of the store, and renews them when that is due. A key is published long before it signs, so
 * a replica that heard of it late still knows it in time; one that cannot read the feed refuses everything anyway.
 */
export async function startRotatingKeys(dependencies: RotatingKeysDependencies): Promise<RotatingKeys> {
  const { keys, snapshots, revocations, log } = dependencies
  let underWay: Promise<void> = Promise.resolve()
  let isWaiting = false
  let isClosed = false

  const work = async () => {
    isWaiting = false
    if (isClosed) return
    const { signing } = snapshots.current()
    try {
      await keys.ensure(signing.algorithms)
      await rotateSigningKeys(dependencies, signing)
      await keys.reload()
    } catch (cause) {
      log.error('the signing keys could not be looked after; those in use stay', { cause })
    }
  }
  /** One at a time, and one more for whoever came meanwhile. */
  const wake = () => {
    if (isWaiting) return
    isWaiting = true
    underWay = underWay.then(work)
  }

  const stops = [
    revocations.onEntries((entries) => {
      if (entries.some(({ kind }) => kind === 'signingKeys')) wake()
    }),
    revocations.onReplay(wake),
    snapshots.onSwap(wake),
  ]
  let timer: NodeJS.Timeout
  const rest = () => {
    const everyMs = snapshots.current().signing.publishAheadSeconds * 500
    timer = setTimeout(
      () => {
        wake()
        rest()
      },
      Math.max(EVERY_MS_MIN, Math.min(EVERY_MS, everyMs)),
    )
    timer.unref()
  }
  rest()
  wake()
  await underWay

  return {
    settled: () => underWay,
    close: async () => {
      isClosed = true
      clearTimeout(timer)
      for (const stop of stops) stop()
      await underWay
    },
  }
}
