import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const AXE_SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** WCAG 2.2 levels A and AA, and what axe calls best practice (heading order, landmarks, ...). */
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What axe finds on the page as it is now: rule, and the elements that break it. Also the number of rules that passed. */
export async function axeFindings(page: Page): Promise<{ violations: string[]; passes: number }> {
  await page.evaluate(AXE_SOURCE)
  return page.evaluate(async (tags) => {
    // The line above put axe into the page; its results have this shape (axe-core, "API Documentation").
    const { axe } = globalThis as unknown as {
      axe: {
        run(options: object): Promise<{
          violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
          passes: unknown[]
        }>
      }
    }
    const results = await axe.run({ runOnly: { type: 'tag', values: tags }, resultTypes: ['violations', 'passes'] })
    return {
      violations: results.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ')}`,
      ),
      passes: results.passes.length,
    }
  }, AXE_TAGS)
}

/** How many pixels the page is wider than its window, and what sticks out. WCAG 2.2, 1.4.10. */
export async function horizontalOverflow(page: Page): Promise<{ pixels: number; elements: string[] }> {
  return page.evaluate(`({
    pixels: document.documentElement.scrollWidth - innerWidth,
    elements: [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
      .map((element) => element.outerHTML.slice(0, 80)),
  })`)
}

/** Controls and links that are smaller than 24 by 24 pixels and not inside a sentence. WCAG 2.2, 2.5.8. */
export async function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll('a, button, summary, label.scope, input:not([type=hidden]):not([type=checkbox])')]
    .filter((element) => element.closest('p:not(.target), li') === null || element.matches('.button, .action'))
    .filter((element) => {
      const { width, height } = element.getBoundingClientRect()
      return width > 0 && (width < 24 || height < 24)
    })
    .map((element) => element.outerHTML.slice(0, 80))`)
}
