import type { Clock } from '#core/clock.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { EnginePort } from '#store/ports/engine.ts'
import { storedId } from './documents.ts'

const MODEL_BY_PARAMETER = {
  code: 'AuthorizationCode',
  refresh_token: 'RefreshToken',
  device_code: 'DeviceCode',
  token: 'RefreshToken',
} as const

/**
 * Whether a token or revocation request carries a code or refresh token that exists and is unused, or whose use may be repeated. Nobody can guess one, so whoever
 * has it is no flood, whatever else comes from the same address. One read by key; nothing is decided by it but who is let through.
 */
export async function bringsLiveToken(
  parameters: URLSearchParams,
  { tenant }: Snapshot,
  engine: Pick<EnginePort, 'find'>,
  clock: Clock,
): Promise<boolean> {
  for (const [parameter, model] of Object.entries(MODEL_BY_PARAMETER)) {
    const value = parameters.get(parameter)
    if (value === null) continue
    const document = await engine.find(tenant, model, storedId(model, value), clock.nowSeconds())
    if (document === null) continue
    const mayBeRepeated = document.reply !== null && document.reply.until > clock.nowSeconds()
    if (document.consumedAt === null || mayBeRepeated) return true
  }
  return false
}
