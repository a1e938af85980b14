import { ACCOUNTS } from '../reference/site.ts'
import { type Answer, request } from './request.ts'

/** Somebody with a browser at the reference server: signs in, says yes, and follows redirects until one leaves the server. */
export class Person {
  readonly #name: string
  readonly #authority: string | null
  #cookie = ''

  constructor(name: 'alice' | 'bob', authority: string | null = null) {
    this.#name = name
    this.#authority = authority
  }

  /** Opens an authorization URL and answers what the client gets to see: the URL of the authorization response. */
  async authorize(url: string): Promise<URL> {
    const server = new URL(url).origin
    let answer = await this.#send(url)
    for (let step = 0; step < 6; step += 1) {
      const { location } = answer.headers
      if (location !== undefined) {
        const next = new URL(location, server)
        if (next.origin !== server) return next
        answer = await this.#send(next.href)
      } else answer = await this.#submit(server, answer)
    }
    throw new Error('the pages led nowhere')
  }

  /** The page that an authorization URL shows, without an answer. */
  open(url: string): Promise<Answer> {
    return this.#send(url)
  }

  #submit(server: string, page: Answer): Promise<Answer> {
    const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1]
    if (action === undefined) throw new Error(`no form: ${page.status} ${page.text.slice(0, 200)}`)
    const fields = new URLSearchParams()
    for (const [, name = '', value = ''] of page.text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g))
      fields.set(name, value)
    if (action.endsWith('/login')) {
      fields.set('username', this.#name)
      fields.set('password', ACCOUNTS.get(this.#name) ?? '')
    } else fields.set('decision', 'allow')
    return this.#send(new URL(action, server).href, fields)
  }

  async #send(url: string, form?: URLSearchParams): Promise<Answer> {
    const answer = await request(url, {
      method: form === undefined ? 'GET' : 'POST',
      authority: this.#authority,
      headers: {
        ...(this.#cookie === '' ? {} : { cookie: this.#cookie }),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(form === undefined ? {} : { body: form.toString() }),
    })
    const [cookie] = answer.headers['set-cookie'] ?? []
    if (cookie !== undefined) this.#cookie = cookie.split(';')[0] ?? ''
    return answer
  }
}
