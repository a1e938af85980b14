import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
  readonly attributes: readonly string[]
}

export interface Sent {
  readonly method?: string
  /** A list is sent as one header for each of its values. */
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** One HTTP request with exactly these headers (Host included), no redirects, no cookies. */
export function send(url: string, { method = 'GET', headers = {}, body }: Sent = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        )
        .on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

export function postForm(
  url: string,
  fields: Readonly<Record<string, string>> | URLSearchParams,
  headers: Readonly<Record<string, string | string[]>> = {},
): Promise<Answer> {
  const body = new URLSearchParams(fields).toString()
  return send(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  })
}

/** A browser without screen: follows redirects on one origin, keeps cookies by path, and stops where a redirect leaves the origin. */
export class OAuthBrowser {
  readonly #origin: string
  #cookies: Cookie[] = []

  constructor(origin: string) {
    this.#origin = origin
  }

  /** Cookies that would be sent to a path, by name. */
  cookiesFor(path: string): ReadonlyMap<string, string> {
    return new Map(
      this.#cookies.filter((cookie) => covers(cookie.path, path)).map((cookie) => [cookie.name, cookie.value]),
    )
  }

  /** What Set-Cookie said about a cookie, in lower case. */
  attributesOf(name: string): readonly string[] {
    return this.#cookies.find((cookie) => cookie.name === name)?.attributes ?? []
  }

  setCookie(name: string, value: string, path = '/'): void {
    this.#keep({ name, value, path, attributes: [] })
  }

  async get(url: string): Promise<Answer> {
    const target = new URL(url, this.#origin)
    const cookie = [...this.cookiesFor(target.pathname)].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await send(target.href, { headers: cookie === '' ? {} : { cookie } })
    for (const line of answer.headers['set-cookie'] ?? []) this.#take(line, target.pathname)
    return answer
  }

  /** Follows redirects while they stay on the origin. Answers the last response, or the address that a redirect left for. */
  async follow(url: string): Promise<{ readonly left: URL } | { readonly answer: Answer; readonly at: URL }> {
    let at = new URL(url, this.#origin)
    for (let hop = 0; hop < 20; hop += 1) {
      const answer = await this.get(at.href)
      const { location } = answer.headers
      if (location === undefined) return { answer, at }
      const next = new URL(location, at)
      if (next.origin !== new URL(this.#origin).origin) return { left: next }
      at = next
    }
    throw new Error('too many redirects')
  }

  #take(line: string, requestPath: string): void {
    const [pair = '', ...rest] = line.split(';').map((part) => part.trim())
    const split = pair.indexOf('=')
    const attributes = rest.map((part) => part.toLowerCase())
    const path = rest.find((part) => part.toLowerCase().startsWith('path='))?.slice(5) ?? requestPath
    const expires = rest.find((part) => part.toLowerCase().startsWith('expires='))?.slice(8)
    const cookie = { name: pair.slice(0, split), value: pair.slice(split + 1), path, attributes }
    if (expires !== undefined && Date.parse(expires) <= Date.now()) {
      this.#cookies = this.#cookies.filter((kept) => kept.name !== cookie.name || kept.path !== cookie.path)
    } else this.#keep(cookie)
  }

  #keep(cookie: Cookie): void {
    this.#cookies = this.#cookies.filter((kept) => kept.name !== cookie.name || kept.path !== cookie.path)
    this.#cookies.push(cookie)
  }
}

/** RFC 6265 §5.1.4. */
function covers(cookiePath: string, path: string): boolean {
  if (cookiePath === path) return true
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/')
}
