import type { Incoming } from '../http.ts'
import type { Site } from '../site.ts'
import { type Browser, hash, newSecret } from '../state.ts'

const NAME = 'reference_browser'

export function browserOf(site: Site, { headers }: Incoming): Browser | null {
  const value = new RegExp(`(?:^|; )${NAME}=([\\w-]+)`).exec(headers.cookie ?? '')?.[1]
  return value === undefined ? null : (site.state.browsers.get(hash(value)) ?? null)
}

export function openBrowser(site: Site): { readonly browser: Browser; readonly cookie: string } {
  const value = newSecret()
  const browser: Browser = { csrf: newSecret(), subject: null, transactions: new Map(), consented: new Set() }
  site.state.browsers.set(hash(value), browser)
  return { browser, cookie: `${NAME}=${value}; Path=/; HttpOnly; SameSite=Lax${site.isSecure ? '; Secure' : ''}` }
}

/** After a login the cookie is another one: whoever planted the old one has nothing of it. */
export function renewBrowser(site: Site, old: Browser): { readonly browser: Browser; readonly cookie: string } {
  for (const [key, browser] of site.state.browsers) if (browser === old) site.state.browsers.delete(key)
  const { browser, cookie } = openBrowser(site)
  for (const [key, transaction] of old.transactions) browser.transactions.set(key, transaction)
  return { browser, cookie }
}
