import type { Clock } from '#core/clock.ts'
import type { ClientId, TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { Principal } from '#identity/principal.ts'
import type { ApiKeysPort } from '#store/ports/api-keys.ts'

const EVERY_MS = 60_000
/** Keys remembered between two writes; the uses of more are not noted, and the audit log has them all the same. */
const KEYS_MAX = 20_000
/** Noted in one transaction. */
const KEYS_PER_WRITE_MAX = 200

export interface KeyUses {
  note(principal: Pick<Principal, 'clientId'>): void
  /** Writes what is left. */
  stop(): Promise<void>
}

/** Remembers when each key was used last and writes it down once a minute: no call waits for that, and a killed process loses a minute. */
export function startNotingKeyUses(
  apiKeys: Pick<ApiKeysPort, 'noteUses'>,
  tenant: TenantId,
  clock: Clock,
  log: Log,
  everyMs: number = EVERY_MS,
): KeyUses {
  const uses = new Map<ClientId, number>()
  const write = async () => {
    const noted = [...uses].map(([keyId, at]) => ({ keyId, at }))
    uses.clear()
    for (let from = 0; from < noted.length; from += KEYS_PER_WRITE_MAX)
      await apiKeys.noteUses(tenant, noted.slice(from, from + KEYS_PER_WRITE_MAX))
  }
  const writeQuietly = () =>
    write().catch((cause: unknown) => log.warn('the last uses of API keys could not be noted', { cause }))
  const timer = setInterval(() => void writeQuietly(), everyMs)
  timer.unref()
  return {
    note: ({ clientId }) => {
      if (uses.size < KEYS_MAX || uses.has(clientId)) uses.set(clientId, clock.nowSeconds())
    },
    stop: async () => {
      clearInterval(timer)
      await writeQuietly()
    },
  }
}
