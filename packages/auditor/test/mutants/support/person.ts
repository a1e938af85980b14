import { ACCOUNTS } from '../reference/site.ts'
import { type Answer, request } from './request.ts'

/** Somebody with a browser: signs in, says yes, and follows redirects until one leaves the authorization server. */
export class Person {
  readonly #name: string
  readonly #authority: string | null
  readonly #cookies = new Map<string, string>()

  constructor(name: 'alice' | 'bob', authority: string | null = null) {
    this.#name = name
    this.#authority = authority
  }

  /** Opens an authorization URL and answers what the client gets to see: the URL of the authorization response. */
  async authorize(url: string): Promise<URL> {
    const server = new URL(url).origin
    let at = url
    let answer = await this.#send(at)
    for (let step = 0; step < 12; step += 1) {
      const { location } = answer.headers
      if (location !== undefined) {
        const next = new URL(location, at)
        if (next.origin !== server) return next
        at = next.href
        answer = await this.#send(at)
      } else answer = await this.#submit(at, answer)
    }
    throw new Error('the pages led nowhere')
  }

  /** Opens an authorization URL and clicks nothing: the authorization response if one comes by itself, else null. */
  async watch(url: string): Promise<URL | null> {
    const server = new URL(url).origin
    let at = url
    for (let step = 0; step < 12; step += 1) {
      const { location } = (await this.#send(at)).headers
      if (location === undefined) return null
      const next = new URL(location, at)
      if (next.origin !== server) return next
      at = next.href
    }
    return null
  }

  /** The page that an authorization URL shows, without an answer. */
  open(url: string): Promise<Answer> {
    return this.#send(url)
  }

  #submit(at: string, page: Answer): Promise<Answer> {
    const form = /<form\b([^>]*)>(.*?)<\/form>/s.exec(page.text)
    if (form === null) throw new Error(`no form: ${page.status} ${page.text.slice(0, 300)}`)
    const [, opening = '', content = ''] = form
    const fields = new URLSearchParams()
    for (const [input] of content.matchAll(/<input\b[^>]*>/g)) {
      const name = attributeOf(input, 'name')
      const type = attributeOf(input, 'type')
      if (name === null) continue
      if (type === 'hidden' || (type === 'checkbox' && input.includes('checked')))
        fields.set(name, attributeOf(input, 'value') ?? 'on')
      else if (type === 'password') fields.set(name, ACCOUNTS.get(this.#name) ?? '')
      else if (type === null || type === 'text') fields.set(name, this.#name)
    }
    // The first button of a consent page allows.
    const button = /<button\b[^>]*\bname="[^>]*>/.exec(content)?.[0]
    if (button !== undefined) fields.set(attributeOf(button, 'name') ?? '', attributeOf(button, 'value') ?? '')
    return this.#send(new URL(attributeOf(opening, 'action') ?? at, at).href, fields)
  }

  async #send(url: string, form?: URLSearchParams): Promise<Answer> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await request(url, {
      method: form === undefined ? 'GET' : 'POST',
      authority: this.#authority,
      headers: {
        ...(cookie === '' ? {} : { cookie }),
        ...(form === undefined
          ? {}
          : { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin }),
      },
      ...(form === undefined ? {} : { body: form.toString() }),
    })
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      this.#cookies.set(name, value)
    }
    return answer
  }
}

function attributeOf(tag: string, name: string): string | null {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll('&amp;', '&') ?? null
}
