import type { Snapshot } from '#core/snapshot.ts'
import { html, safeUrl } from '#http/html.ts'
import type { PasswordProblem } from '#identity/password-rules.ts'
import { TOKEN_FIELD } from '../pages/accept-form.ts'
import { field } from '../pages/field.ts'
import { errorSummary, layout } from '../pages/layout.ts'
import { say, sayPlainly } from '../pages/say.ts'

export type SetupProblem = PasswordProblem | 'usernameInvalid' | 'notRepeated'

export interface SetupPageInput {
  readonly publicUrl: string
  readonly formToken: string
  /** The link's token: out of the address bar from the first post on, since the form carries it. */
  readonly linkToken: string
  readonly username?: string
  readonly problem?: SetupProblem
}

export function setupPage(input: SetupPageInput): string {
  const { problem } = input
  const title = sayPlainly('setup.title')
  const text = problem ? say(`setup.${problem}`) : null
  const at = problem === undefined ? null : fieldOf(problem)
  const fieldUrl = at === null ? null : safeUrl(`/setup#${at}`, input.publicUrl)
  const stateOf = (id: string) => ({ problem: at === id ? text : null, isFirst: id === (at ?? 'username') })
  return layout({
    title: problem ? `${sayPlainly('form.problem')}: ${title}` : title,
    card: html`<h1>${title}</h1>
<p class="lead">${say('setup.lead')}</p>
${text ? errorSummary([{ text, fieldUrl }]) : null}
<form method="post" action="${safeUrl('/setup', input.publicUrl)}">
<input type="hidden" name="${TOKEN_FIELD}" value="${input.formToken}">
<input type="hidden" name="token" value="${input.linkToken}">
${field({ id: 'username', type: 'text', label: say('form.username'), hint: say('setup.usernameHint'), autocomplete: 'username', value: input.username ?? '', ...stateOf('username') })}
${field({ id: 'password', type: 'password', label: say('form.password'), hint: say('setup.passwordHint'), autocomplete: 'new-password', ...stateOf('password') })}
${field({ id: 'repeat', type: 'password', label: say('setup.repeat'), autocomplete: 'new-password', ...stateOf('repeat') })}
<button class="wide">${say('setup.submit')}</button>
</form>`,
  })
}

export function setupDonePage(username: string, snapshot: Snapshot): string {
  const title = sayPlainly('setup.doneTitle')
  const servers = [...snapshot.servers.values()]
  return layout({
    title,
    card: html`<h1>${title}</h1>
<p class="lead">${say('setup.doneLead', { username: html`<strong>${username}</strong>` })}</p>
<h2>${say('setup.doneServers')}</h2>
${
  servers.length > 0
    ? servers.map((server) => html`<p class="small">${server.title}<code class="copy">${server.resource}</code></p>`)
    : html`<p>${say('setup.doneNone')}</p>`
}
<p class="foot">${say('setup.doneClose')}</p>`,
  })
}

function fieldOf(problem: SetupProblem): 'username' | 'password' | 'repeat' {
  if (problem === 'usernameInvalid') return 'username'
  return problem === 'notRepeated' ? 'repeat' : 'password'
}
