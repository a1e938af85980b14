import { objectOf } from '../exchange/answer.ts'
import type { Answer } from '../exchange/ask.ts'
import { LoginFailed } from './login-failed.ts'
import { type Client, type Tokens, tokensOf } from './tokens.ts'

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:device_code'
/** RFC 8628 §3.2: what counts where the server does not say. */
const INTERVAL_SECONDS = 5
const INTERVAL_SECONDS_MAX = 30
/** However long a code is said to live. */
const WAIT_SECONDS_MAX = 900
const TEXT_CHARACTERS_MAX = 2048

export interface DeviceWorld {
  readonly post: (endpoint: string, fields: Readonly<Record<string, string | null>>, client: Client) => Promise<Answer>
  readonly wait: (ms: number) => Promise<unknown>
  readonly tell: (line: string) => void
}

/** RFC 8628: somebody enters a code on whatever device they like, and the tokens come here. */
export async function logInOnDevice(
  { post, wait, tell }: DeviceWorld,
  client: Client,
  asked: Readonly<Record<string, string>>,
  who: number,
): Promise<Tokens> {
  const begun = await post('device_authorization', asked, client)
  const {
    device_code: deviceCode,
    user_code: userCode,
    verification_uri: uri,
    interval,
    expires_in: expiresIn,
  } = (begun.status === 200 ? objectOf(begun) : null) ?? {}
  if (!isText(deviceCode) || !isText(userCode) || !isText(uri))
    throw new LoginFailed(`the device flow did not begin: ${begun.status}`)
  tell(
    `${who === 0 ? 'Log in' : 'As the second person, in another browser profile, log in'} at the page below, and enter ${userCode}:`,
  )
  tell(uri)
  let seconds = within(interval, INTERVAL_SECONDS, INTERVAL_SECONDS_MAX)
  for (let left = within(expiresIn, WAIT_SECONDS_MAX, WAIT_SECONDS_MAX); left > 0; left -= seconds) {
    await wait(seconds * 1000)
    const answer = await post('token', { grant_type: GRANT_TYPE, device_code: deviceCode }, client)
    const tokens = tokensOf(answer, client)
    if (tokens !== null) return tokens
    const error = objectOf(answer)?.['error']
    // RFC 8628 §3.5
    if (error === 'slow_down') seconds = Math.min(seconds + 5, INTERVAL_SECONDS_MAX)
    else if (error !== 'authorization_pending')
      throw new LoginFailed(`the device flow brought no token: ${isText(error) ? error : answer.status}`)
  }
  throw new LoginFailed('nobody entered the code of the device flow in time')
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_CHARACTERS_MAX
}

function within(value: unknown, otherwise: number, max: number): number {
  return typeof value === 'number' && value >= 1 ? Math.min(Math.ceil(value), max) : otherwise
}
