import { html, safeUrl } from '#http/html.ts'
import { layout } from '../../pages/layout.ts'
import { say, sayPlainly } from '../../pages/say.ts'

/** The recovery codes, which nobody can show again; none where the account has some already. */
export function codesPage(input: {
  readonly publicUrl: string
  readonly codes: readonly string[]
  readonly next: string
}): string {
  const title = input.codes.length > 0 ? sayPlainly('codes.title') : sayPlainly('codes.titleNone')
  return layout({
    title,
    card: html`<h1>${title}</h1>
<p class="lead">${input.codes.length > 0 ? say('codes.lead') : say('codes.leadNone')}</p>
${input.codes.length > 0 ? html`<ul class="codes">${input.codes.map((code) => html`<li><code>${code}</code></li>`)}</ul>` : null}
<p><a class="button wide" href="${safeUrl(input.next, input.publicUrl)}"><span>${input.codes.length > 0 ? say('codes.next') : say('codes.nextNone')}</span></a></p>`,
  })
}
