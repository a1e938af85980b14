/** A browser as far as OAuth needs one: cookies by path, redirects one hop at a time, HTML forms. No JavaScript, like our pages. */
export interface Page {
  readonly url: string
  readonly status: number
  readonly html: string
  readonly headers: Headers
}

interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
}

export interface Form {
  readonly action: string
  readonly fields: {
    readonly name: string
    readonly value: string
    readonly type: string
    readonly isChecked: boolean
  }[]
  readonly buttons: { readonly name: string; readonly value: string; readonly text: string }[]
}

const HOPS_MAX = 20

export class ScriptedBrowser {
  readonly #origin: string
  readonly #send: typeof fetch
  readonly #cookies = new Map<string, Cookie>()

  /** Follows redirects and meta refreshes on `origin` only; the first address elsewhere is where it stops. */
  constructor(origin: string, send: typeof fetch = fetch) {
    this.#origin = origin
    this.#send = send
  }

  get cookieNames(): string[] {
    return [...this.#cookies.values()].map((cookie) => cookie.name)
  }

  open(url: string): Promise<Page> {
    return this.#go(url, { method: 'GET' })
  }

  submit(page: Page, form: Form, values: readonly (readonly [string, string])[]): Promise<Page> {
    return this.#go(new URL(form.action, page.url).href, {
      method: 'POST',
      body: new URLSearchParams(values.map(([name, value]): [string, string] => [name, value])).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin: this.#origin,
        'sec-fetch-site': 'same-origin',
      },
    })
  }

  async #go(url: string, init: { method: string; body?: string; headers?: Record<string, string> }): Promise<Page> {
    let at = url
    let next: typeof init = init
    for (let hop = 0; hop < HOPS_MAX; hop += 1) {
      if (new URL(at).origin !== this.#origin) return { url: at, status: 0, html: '', headers: new Headers() }
      const response = await this.#send(at, {
        method: next.method,
        ...(next.body === undefined ? {} : { body: next.body }),
        headers: { ...next.headers, cookie: this.#cookieHeader(at) },
        redirect: 'manual',
      })
      this.#keepCookies(response.headers, at)
      const html = await response.text()
      const refresh = /<meta[^>]*http-equiv="refresh"[^>]*content="0;\s*url=([^"]+)"/i.exec(html)?.[1]
      const location = response.headers.get('location') ?? (refresh === undefined ? null : unescapeHtml(refresh))
      if (location === null) return { url: at, status: response.status, html, headers: response.headers }
      at = new URL(location, at).href
      next = { method: 'GET' }
    }
    throw new Error(`more than ${HOPS_MAX} hops, the last to ${at}`)
  }

  #cookieHeader(url: string): string {
    const { pathname } = new URL(url)
    return [...this.#cookies.values()]
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }

  #keepCookies(headers: Headers, url: string): void {
    for (const line of headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(pair.indexOf('=') + 1)
      const attribute = (key: string) =>
        attributes.find((part) => part.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1)
      const path = attribute('path') ?? new URL(url).pathname
      const expires = attribute('expires')
      const key = `${name}|${path}`
      if (value === '' || (expires !== undefined && Date.parse(expires) < Date.now())) this.#cookies.delete(key)
      else this.#cookies.set(key, { name, value, path })
    }
  }
}

/** The forms of a page, in order. */
export function formsOf(html: string): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, attributes = '', body = '']) => ({
    action: attribute(attributes, 'action') ?? '',
    fields: [...body.matchAll(/<input\b([^>]*)>/gi)].map(([, input = '']) => ({
      name: attribute(input, 'name') ?? '',
      value: attribute(input, 'value') ?? 'on',
      type: attribute(input, 'type') ?? 'text',
      isChecked: /\bchecked\b/.test(input),
    })),
    buttons: [...body.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)].map(([, button = '', text = '']) => ({
      name: attribute(button, 'name') ?? '',
      value: attribute(button, 'value') ?? '',
      text: text.replace(/<[^>]*>/g, '').trim(),
    })),
  }))
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`, 'i').exec(tag)?.[1]
  return value === undefined ? undefined : unescapeHtml(value)
}

function unescapeHtml(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#x27;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
