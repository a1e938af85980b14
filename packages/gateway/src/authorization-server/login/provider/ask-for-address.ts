import type { HttpExchange } from '#http/exchange.ts'
import { html, safeUrl } from '#http/html.ts'
import type { Interaction } from '../../interactions.ts'
import { TOKEN_FIELD } from '../../pages/accept-form.ts'
import { answerPage } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import { field } from '../../pages/field.ts'
import { keepsOpener } from '../../pages/keeps-opener.ts'
import { errorSummary, layout, PROBLEMS_ID } from '../../pages/layout.ts'
import { say, sayPlainly } from '../../pages/say.ts'

/** Where the login page is, without the query. */
export function loginPathOf(uid: string, place: Interaction['prompt']): string {
  const segment = encodeURIComponent(uid)
  return place === 'login' ? `/login/${segment}` : `/consent/${segment}/account`
}

/** Asks for the address, whose domain says where somebody logs in. */
export function askForAddress(
  context: PageContext,
  exchange: HttpExchange,
  interaction: Interaction,
  place: Interaction['prompt'],
  status = 200,
  again: { readonly address: string; readonly problem: 'missing' | 'unknown' } | null = null,
): void {
  const snapshot = context.snapshots.current()
  const { publicUrl, tenant } = snapshot
  const path = loginPathOf(interaction.uid, place)
  const title = sayPlainly('login.title')
  const formToken = context.formTokens.issue(exchange, tenant, `where:${interaction.uid}`)
  const document = layout({
    title: again ? `${sayPlainly('form.problem')}: ${title}` : title,
    card: html`<h1>${title}</h1>
<p class="lead">${say('where.lead')}</p>
${again ? errorSummary([{ text: say(`where.${again.problem}`), fieldUrl: safeUrl(`${path}#address`, publicUrl) }]) : null}
<form method="post" action="${safeUrl(`${path}/where`, publicUrl)}">
<input type="hidden" name="${TOKEN_FIELD}" value="${formToken}">
${field({ id: 'address', type: 'text', label: say('where.address'), autocomplete: 'username', value: again?.address ?? '', problemId: again ? PROBLEMS_ID : null, isFirst: true })}
<button class="wide">${say('where.next')}</button>
</form>`,
  })
  answerPage(exchange, status, document, { keepsOpener: keepsOpener(interaction, snapshot) })
}
