import { type Context, errors, type GrantHandler, type Provider } from 'oidc-provider'
import type { Clock } from '#core/clock.ts'
import type { Store } from '#store/ports/store.ts'
import { storedId } from './documents.ts'
import { currentUnit } from './unit-of-work.ts'

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
/** RFC 8628 §3.2: what devices are told. */
export const POLL_SECONDS = 5
/** What they are held to: a second less, for clocks and networks. */
const POLL = { burst: 1, periodSeconds: POLL_SECONDS - 1 }

/** RFC 8628 §3.5: the engine answers however often it is asked. Whoever asks too often is told to slow down, on whatever replica. */
export function paceDevices(
  provider: Provider,
  answer: GrantHandler,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
): void {
  const pace = async (context: Context) => {
    const unit = currentUnit()
    const code = context.oidc?.params?.['device_code']
    const document = typeof code === 'string' ? await unit.find('DeviceCode', code) : undefined
    // Unknown ones leave nothing behind, and nobody slows down the device of another client.
    if (typeof code !== 'string' || document?.['clientId'] !== context.oidc?.client?.clientId) return
    const draw = { key: `device:poll:${storedId('DeviceCode', code)}`, ...POLL }
    const limit = await unit.storing(() => store.limits.draw(unit.snapshot.tenant, [draw], clock.nowMs()))
    if (limit.kind === 'allowed') return
    unit.refusal ??= { code: 'slow_down', description: null, detail: null, reason: 'devicePollsTooFast' }
    throw new errors.CustomOIDCProviderError('slow_down', `Ask every ${POLL_SECONDS} seconds.`)
  }
  provider.registerGrantType(
    DEVICE_CODE_GRANT,
    async (context) => {
      await pace(context)
      await answer(context)
    },
    new Set(['device_code', 'resource']),
    new Set(['resource']),
  )
}
