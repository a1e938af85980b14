/** What a hostile or plain HTTP client sends: cookies kept by path, any header, any fields, nothing followed. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

type Fields = readonly (readonly [name: string, value: string])[]

/** What a current browser says about a form posted from the page's own origin. */
export const OWN_PAGE: Readonly<Record<string, string>> = { 'sec-fetch-site': 'same-origin', origin: 'null' }

export class RawBrowser {
  readonly #cookies = new Map<string, { readonly path: string; readonly pair: string }>()

  /** Goes to the address and follows redirects on the same origin. */
  async open(url: string): Promise<RawAnswer> {
    let at = url
    for (let hop = 0; hop < 5; hop += 1) {
      const answer = await this.#send(at, {})
      const location = answer.headers.get('location')
      if (location === null) return answer
      at = new URL(location, at).href
    }
    throw new Error('too many redirects')
  }

  post(url: string, fields: Fields, headers: Readonly<Record<string, string>> = OWN_PAGE): Promise<RawAnswer> {
    const body = new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString()
    return this.#send(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  }

  /** Holds this cookie for all paths from now on, whoever set it. */
  plant(name: string, value: string): void {
    this.#cookies.set(`${name}|/`, { path: '/', pair: `${name}=${value}` })
  }

  forget(name: string): void {
    for (const key of this.#cookies.keys()) if (key.startsWith(`${name}|`)) this.#cookies.delete(key)
  }

  async #send(
    url: string,
    init: { method?: string; body?: string; headers?: Record<string, string> },
  ): Promise<RawAnswer> {
    const { pathname } = new URL(url)
    const cookies = [...this.#cookies.values()].filter(({ path }) => pathname.startsWith(path)).map(({ pair }) => pair)
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...init.headers, ...(cookies.length > 0 ? { cookie: cookies.join('; ') } : {}) },
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ')
      const path = attributes.find((attribute) => attribute.startsWith('Path='))?.slice(5) ?? '/'
      this.#cookies.set(`${pair.split('=')[0]}|${path}`, { path, pair })
    }
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
}

/** The value of a hidden field on a page. */
export function hiddenField(answer: RawAnswer, name: string): string {
  const value = new RegExp(`<input type="hidden" name="${name}" value="([^"]*)"`).exec(answer.text)?.[1]
  if (value === undefined) throw new Error(`the page has no hidden field ${name}`)
  return value
}
