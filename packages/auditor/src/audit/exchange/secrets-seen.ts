import { headerOf, objectOf } from './answer.ts'
import type { Answer, Ask } from './ask.ts'
import { hashed } from './redact.ts'

const MEMBERS = [
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'registration_access_token',
  'device_code',
  'user_code',
]
/** What is shorter is no secret, and would be found everywhere. */
const LENGTH_MIN = 8
const SECRETS_MAX = 2000

/** Every token, code and secret of this audit, so that it is hidden wherever a target repeats it. */
export class SecretsSeen {
  readonly #seen = new Set<string>()

  constructor(given: readonly string[]) {
    for (const token of given) this.#keep(token)
  }

  learn(ask: Pick<Ask, 'url'>, answer: Answer): void {
    const body = objectOf(answer)
    for (const member of MEMBERS) this.#keep(body?.[member])
    this.#keep(headerOf(answer, 'mcp-session-id'))
    for (const [name, value] of answer.headers)
      if (name.toLowerCase() === 'set-cookie') this.#keep(/^[^=]*=([^;]*)/.exec(value)?.[1])
    this.learnResponse(URL.parse(headerOf(answer, 'location') ?? '', ask.url))
  }

  /** What an authorization response carries, in its query or its fragment. */
  learnResponse(response: URL | null): void {
    for (const values of [response?.searchParams, new URLSearchParams(response?.hash.slice(1))])
      for (const name of ['code', ...MEMBERS]) this.#keep(values?.get(name))
  }

  /** A value with something in place of every secret in its texts. */
  hideIn<T>(value: T, as: (secret: string) => string = hashed): T {
    if (typeof value === 'string') return this.#hide(value, as) as T
    if (Array.isArray(value)) return value.map((one: unknown) => this.hideIn(one, as)) as T
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.hideIn<unknown>(one, as)])) as T
  }

  /** The longest first: one may be part of another. */
  #hide(text: string, as: (secret: string) => string): string {
    let hidden = text
    for (const secret of [...this.#seen].toSorted((one, other) => other.length - one.length))
      if (hidden.includes(secret)) hidden = hidden.replaceAll(secret, () => as(secret))
    return hidden
  }

  #keep(value: unknown): void {
    if (typeof value === 'string' && value.length >= LENGTH_MIN && this.#seen.size < SECRETS_MAX) this.#seen.add(value)
  }
}
