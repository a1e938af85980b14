import { logIn, type Person } from '../e2e/support/authorize.ts'
import { formsOf, type Page, ScriptedBrowser } from '../e2e/support/browser.ts'

/** What a person does at the pages that a device sent them to, one page at a time. */
export class DevicePerson {
  readonly browser: ScriptedBrowser
  page: Page

  private constructor(browser: ScriptedBrowser, page: Page) {
    this.browser = browser
    this.page = page
  }

  static async at(verificationUri: string, browser?: ScriptedBrowser): Promise<DevicePerson> {
    const own = browser ?? new ScriptedBrowser(new URL(verificationUri).origin)
    return new DevicePerson(own, await own.open(verificationUri))
  }

  /** What the code field is filled with already. */
  get typed(): string | undefined {
    return formsOf(this.page.html)[0]?.fields.find(({ name }) => name === 'user_code')?.value
  }

  /** The page without its markup. */
  get text(): string {
    return this.page.html
      .replace(/<style[\s\S]*?<\/style>/g, '')
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
  }

  async enter(userCode: string): Promise<this> {
    return this.#submit([['user_code', userCode]], 'xsrf')
  }

  async press(button: 'confirm' | 'abort' | 'allow' | 'deny'): Promise<this> {
    const form = formsOf(this.page.html)[0]
    const chosen = form?.fields.filter(({ type, isChecked }) => type === 'hidden' || isChecked) ?? []
    return this.#submit([...chosen.map(({ name, value }) => [name, value] as const), ['decision', button]])
  }

  async logIn(person: Person): Promise<this> {
    this.page = await logIn(this.browser, this.page, person)
    return this
  }

  async #submit(values: readonly (readonly [string, string])[], hidden?: string): Promise<this> {
    const form = formsOf(this.page.html)[0]
    if (form === undefined) throw new Error(`no form at ${this.page.url} (${this.page.status}): ${this.text}`)
    const secret = form.fields.filter(({ name }) => name === hidden).map(({ name, value }) => [name, value] as const)
    this.page = await this.browser.submit(this.page, form, [...secret, ...values])
    return this
  }
}
