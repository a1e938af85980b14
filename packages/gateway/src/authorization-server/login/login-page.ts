import { type HtmlValue, html, safeUrl } from '#http/html.ts'
import { clientName } from '../consent/consent-page.ts'
import type { Interaction } from '../interactions.ts'
import { TOKEN_FIELD } from '../pages/accept-form.ts'
import { field } from '../pages/field.ts'
import { errorSummary, layout, PROBLEMS_ID } from '../pages/layout.ts'
import { say, sayDuration, sayPlainly } from '../pages/say.ts'

export type LoginProblem =
  | { readonly kind: 'wrong' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }

export interface LoginPageInput {
  readonly interaction: Interaction
  /** Path that the form posts to, which is also the page's own. */
  readonly path: string
  readonly publicUrl: string
  readonly formToken: string
  /** Where one may sign in elsewhere: a link each, below the page's own path. */
  readonly providers?: readonly { readonly name: string; readonly title: string }[]
  /** False where nobody has a password here. */
  readonly hasPasswords?: boolean
  /** Whether this origin can have passkeys. */
  readonly canHavePasskeys?: boolean
  /** What was typed before; the password never comes back. */
  readonly username?: string
  readonly problem?: LoginProblem
}

export function loginPage(input: LoginPageInput): string {
  const { interaction, problem } = input
  const title = sayPlainly('login.title')
  const { providers = [], hasPasswords = true } = input
  const parties = {
    client: html`<strong><bdi>${clientName(interaction)}</bdi></strong>`,
    server: html`<strong><bdi>${interaction.server.title}</bdi></strong>`,
  }
  const fieldUrl = problem?.kind === 'throttled' ? null : safeUrl(`${input.path}#username`, input.publicUrl)
  return layout({
    title: problem ? `${sayPlainly('form.problem')}: ${title}` : title,
    card: html`<h1>${title}</h1>
<p class="lead">${interaction.prompt === 'login' ? say('login.lead', parties) : say('login.switchLead', parties)}</p>
${problem ? errorSummary([{ text: problemText(problem), fieldUrl }]) : null}
${providers.map(({ name, title: provider }) => html`<p><a class="button wide" href="${safeUrl(`${input.path}/with/${encodeURIComponent(name)}`, input.publicUrl)}"><span>${say('login.with', { provider: html`<bdi>${provider}</bdi>` })}</span></a></p>`)}
${hasPasswords ? passwordForm(input) : null}`,
  })
}

function passwordForm(input: LoginPageInput): HtmlValue {
  const { problem, providers = [] } = input
  const here = safeUrl(input.path, input.publicUrl)
  // Which of the two is wrong is not said, so both are marked, and described by the one sentence at the top.
  const problemId = problem !== undefined && problem.kind !== 'throttled' ? PROBLEMS_ID : null
  const isSecondTry = problem?.kind === 'wrong'
  return html`${providers.length > 0 ? html`<p class="foot">${say('login.or')}</p>` : null}
<form method="post" action="${here}">
<input type="hidden" name="${TOKEN_FIELD}" value="${input.formToken}">
${field({ id: 'username', type: 'text', label: say('form.username'), autocomplete: 'username', value: input.username ?? '', problemId, isFirst: !isSecondTry })}
${field({ id: 'password', type: 'password', label: say('form.password'), autocomplete: 'current-password', problemId, isFirst: isSecondTry })}
<button class="wide">${say('login.submit')}</button>
</form>
${input.canHavePasskeys ? html`<p class="foot"><a href="${safeUrl(`${input.path}/passkey`, input.publicUrl)}">${say('passkey.use')}</a></p>` : null}
<p class="foot">${say('login.foot')}</p>`
}

function problemText(problem: LoginProblem): HtmlValue {
  return problem.kind === 'throttled'
    ? say('login.throttled', { wait: sayDuration(problem.retryAfterSeconds) })
    : say(`login.${problem.kind}`)
}
