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

  /** Enters a code where a device asked for it (RFC 8628 §3.3), signs in and says yes; answers the last page. */
  async approve(url: string): Promise<string> {
    let at = url
    let answer = await this.#send(at)
    for (let step = 0; step < 12; step += 1) {
      const { location } = answer.headers
      if (location !== undefined) {
        at = new URL(location, at).href
        answer = await this.#send(at)
      } else if (/<form\b/.test(answer.text)) answer = await this.#submit(at, answer)
      else return answer.text
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
    const forms = [...page.text.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)]
    const form = forms.find(([text]) => /type="password"|value="allow"/.test(text)) ?? forms[0]
    // Where an app of this machine is handed back to, one click is asked for.
    const onwards = /<a\b[^>]*href="([^"]*\/oauth\/authorize\/[^"]+)"/.exec(page.text)?.[1]
    if (form === undefined && onwards !== undefined)
      return this.#send(new URL(onwards.replaceAll('&amp;', '&'), at).href)
    if (form === undefined) throw new Error(`no form: ${page.status} ${page.text.slice(0, 300)}`)
    const [, opening = '', content = ''] = form
    const fields = new URLSearchParams(this.#fieldsOf(content))
    // The first button of a consent page allows.
    const buttons = [...content.matchAll(/<button\b[^>]*\bname="[^>]*>/g)].map(([button]) => button)
    const button = buttons.find((one) => one.includes('value="allow"')) ?? buttons[0]
    if (button !== undefined) fields.set(attributeOf(button, 'name') ?? '', attributeOf(button, 'value') ?? '')
    return this.#send(new URL(attributeOf(opening, 'action') ?? at, at).href, fields)
  }

  #fieldsOf(content: string): [string, string][] {
    return [...content.matchAll(/<input\b[^>]*>/g)].flatMap(([input]): [string, string][] => {
      const [name, type] = [attributeOf(input, 'name'), attributeOf(input, 'type')]
      if (name === null) return []
      if (type === 'password') return [[name, ACCOUNTS.get(this.#name) ?? '']]
      if (type === null || type === 'text') return [[name, this.#name]]
      const isSent = type === 'hidden' || (type === 'checkbox' && /\schecked\b/.test(input))
      return isSent ? [[name, attributeOf(input, 'value') ?? 'on']] : []
    })
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
