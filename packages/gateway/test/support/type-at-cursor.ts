import type { Page } from 'playwright-core'

/** Types where the page has put the cursor, as a person does who waits until they see it: what is typed before goes nowhere. */
export async function typeAtCursor(page: Page, field: string, text: string): Promise<void> {
  await page.locator(`#${field}:focus`).waitFor()
  await page.keyboard.type(text)
}
