import { type Form, formsOf, type Page, ScriptedBrowser } from './browser.ts'

export interface Person {
  readonly username: string
  readonly password: string
}

/**
 * What a person does with an authorization URL: log in if asked, look at the consent page, allow.
 * `choose` gets the scopes as offered and answers those to leave ticked; by default what is ticked stays so.
 * Answers the client's redirect URI with its parameters.
 */
export async function authorizeAsPerson(
  authorizationUrl: string,
  person: Person,
  options: {
    readonly choose?: (offered: readonly string[], ticked: readonly string[]) => readonly string[]
    readonly browser?: ScriptedBrowser
    readonly answer?: 'allow' | 'deny'
  } = {},
): Promise<URL> {
  const browser = options.browser ?? new ScriptedBrowser(new URL(authorizationUrl).origin)
  let page = await browser.open(authorizationUrl)
  if (hasField(page, 'password')) page = await logIn(browser, page, person)
  if (page.status !== 0) page = await consent(browser, page, options)
  if (page.status !== 0) throw new Error(`the flow stopped at ${page.url} with ${page.status}: ${textOf(page.html)}`)
  return new URL(page.url)
}

export async function logIn(browser: ScriptedBrowser, page: Page, person: Person): Promise<Page> {
  const form = formWith(page, 'password')
  const values = hidden(form)
  return browser.submit(page, form, [...values, ['username', person.username], ['password', person.password]])
}

async function consent(
  browser: ScriptedBrowser,
  page: Page,
  {
    choose,
    answer = 'allow',
  }: {
    choose?: (offered: readonly string[], ticked: readonly string[]) => readonly string[]
    answer?: 'allow' | 'deny'
  },
): Promise<Page> {
  const form = formWith(page, 'scope')
  const boxes = form.fields.filter(({ name }) => name === 'scope')
  const ticked = boxes.filter(({ isChecked }) => isChecked).map(({ value }) => value)
  const chosen =
    choose?.(
      boxes.map(({ value }) => value),
      ticked,
    ) ?? ticked
  const button = form.buttons.find(({ value }) => value === answer)
  if (button === undefined) throw new Error(`no button to ${answer} on the consent page`)
  const next = await browser.submit(page, form, [
    ...hidden(form),
    ...chosen.map((scope) => ['scope', scope] as const),
    [button.name, button.value],
  ])
  return followLink(browser, next)
}

/** The page that hands back to an app of this machine wants one click. */
async function followLink(browser: ScriptedBrowser, page: Page): Promise<Page> {
  const href = /<a\b[^>]*href="([^"]*\/oauth\/authorize\/[^"]+)"/.exec(page.html)?.[1]
  return page.status === 0 || href === undefined
    ? page
    : browser.open(new URL(href.replaceAll('&amp;', '&'), page.url).href)
}

function formWith(page: Page, field: string): Form {
  const form = formsOf(page.html).find(({ fields }) => fields.some(({ name }) => name === field))
  if (form === undefined) throw new Error(`no form with ${field} at ${page.url} (${page.status}): ${textOf(page.html)}`)
  return form
}

function hasField(page: Page, field: string): boolean {
  return formsOf(page.html).some(({ fields }) => fields.some(({ name }) => name === field))
}

function hidden(form: Form): [string, string][] {
  return form.fields.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value])
}

function textOf(html: string): string {
  return html
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 400)
}
