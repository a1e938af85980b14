import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  clockTolerance,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  None,
} from 'openid-client'
import type { Clock } from '#core/clock.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import { createBoundedMap } from '#identity/bounded-map.ts'
import { createFetchSmall } from '#net/fetch-small.ts'

const ANSWER_BYTES_MAX = 256 * 1024
const TIMEOUT_MS = 5_000
/** What a provider says of itself is asked for again after so long; its keys, when one is named that is not among them (the library's rule). */
const FRESH_MS = 10 * 60_000
/** A provider that could not be reached is left alone for so long. */
const FAILED_MS = 5_000
const PROVIDERS_MAX = 100
/** Clocks that differ, in seconds. */
const CLOCK_TOLERANCE_SECONDS = 30

/** A provider, ready to be spoken to. Rejects when it cannot be reached, or is not the issuer that it is configured as. */
export type OpenProvider = (provider: IdentityProvider) => Promise<Configuration>

interface Kept {
  readonly provider: IdentityProvider
  readonly opened: Promise<Configuration>
  readonly untilMs: number
}

/**
 * Asks each provider once for its metadata (OpenID Connect Discovery) and keeps it. Everything it says over HTTP comes by the guarded way
 * out; ID tokens are verified by signature though they come over TLS, so that one of another issuer or algorithm is none.
 */
export function createOpenProvider(clock: Clock): OpenProvider {
  const kept = createBoundedMap<string, Kept>(PROVIDERS_MAX)
  return (provider) => {
    const known = kept.get(provider.name)
    if (known !== undefined && known.provider === provider && clock.monotonicMs() < known.untilMs) return known.opened
    const opened = open(provider)
    kept.set(provider.name, { provider, opened, untilMs: clock.monotonicMs() + FRESH_MS })
    opened.catch(() => {
      if (kept.get(provider.name)?.opened === opened)
        kept.set(provider.name, { provider, opened, untilMs: clock.monotonicMs() + FAILED_MS })
    })
    return opened
  }
}

async function open({ issuer, clientId, secret, network }: IdentityProvider): Promise<Configuration> {
  const fetchSmall = createFetchSmall({ network, bytesMax: ANSWER_BYTES_MAX, timeoutMs: TIMEOUT_MS })
  const authentication = secret === null ? None() : secretAsSupported(secret.reveal())
  return await discovery(new URL(issuer), clientId, { [clockTolerance]: CLOCK_TOLERANCE_SECONDS }, authentication, {
    // Loopback providers, as in tests and on a developer's machine; every other is https, which the configuration sees to.
    execute: [enableNonRepudiationChecks, ...(network === 'loopback' ? [allowInsecureRequests] : [])],
    timeout: TIMEOUT_MS / 1000,
    [customFetch]: async (url, { method, headers, body }) =>
      await fetchSmall(url, { method, headers, body: body === undefined ? null : textOf(body) }),
  })
}

/** RFC 8414 §2: in the header, unless the provider says that it takes it in the form alone. */
function secretAsSupported(secret: string): ClientAuth {
  const [inHeader, inForm] = [ClientSecretBasic(secret), ClientSecretPost(secret)]
  return (server, client, body, headers) => {
    const { token_endpoint_auth_methods_supported: methods } = server
    const takesHeader = !Array.isArray(methods) || methods.includes('client_secret_basic')
    ;(takesHeader ? inHeader : inForm)(server, client, body, headers)
  }
}

function textOf(body: unknown): string | null {
  if (body === null) return null
  if (typeof body === 'string') return body
  if (body instanceof URLSearchParams) return body.toString()
  throw new TypeError('a provider is sent forms only')
}
