import { type Html, type HtmlValue, html, type SafeUrl } from '#http/html.ts'
import { page } from '#http/page.ts'
import { say } from './say.ts'
import { TEXTS_LANG } from './texts.ts'

/** Two doors, one behind the other; the outer one open. */
const MARK = html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" stroke-linecap="round" aria-hidden="true" focusable="false"><path d="M4 21V5.5L12 2l8 3.5V21"/><path d="M2 21h20"/><path d="M9 21V11h6v10"/><path d="M15 11l-3 1.5V21"/></svg>`

/** Served at `ICON_PATH`, in a colour that shows on light and dark tabs. */
export const ICON = String(MARK)
  .replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')
  .replaceAll('currentColor', '#1f9c88')

/** A page with the brand above one card. */
export function layout(input: {
  readonly title: string
  readonly card: HtmlValue
  readonly refresh?: SafeUrl
  readonly script?: SafeUrl
}): string {
  return page({
    title: input.title,
    lang: TEXTS_LANG,
    ...(input.refresh ? { refresh: input.refresh } : {}),
    ...(input.script ? { script: input.script } : {}),
    body: html`<div class="frame">
<header class="brand">${MARK}<span>${say('brand.name')}</span></header>
<main class="card">
${input.card}
</main>
</div>`,
  })
}

/** Backticks in a text mark what to type. Control and direction characters go: a client's name may be part of the text. */
export function withCode(text: string): Html {
  const plain = text.replace(/[\p{Cc}\p{Cf}]/gu, '')
  return html`${plain.split('`').map((part, index) => (index % 2 === 0 ? part : html`<code>${part}</code>`))}`
}

/** Id of the summary, for fields that are described by it. */
export const PROBLEMS_ID = 'problems'

/** What stopped the form, at its top, with a link to the field. WCAG 2.2, 3.3.1. */
export function errorSummary(
  problems: readonly { readonly text: HtmlValue; readonly fieldUrl: SafeUrl | null }[],
): HtmlValue {
  if (problems.length === 0) return null
  return html`<div class="note bad" role="alert" id="${PROBLEMS_ID}">
<h2>${say('form.problem')}</h2>
<ul>${problems.map(({ text, fieldUrl }) => html`<li>${fieldUrl ? html`<a href="${fieldUrl}">${text}</a>` : text}</li>`)}</ul>
</div>`
}
