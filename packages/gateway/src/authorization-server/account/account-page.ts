import { type HtmlValue, html, safeUrl } from '#http/html.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { Factors, Passkey } from '#store/ports/factors.ts'
import { TOKEN_FIELD } from '../pages/accept-form.ts'
import { field } from '../pages/field.ts'
import { errorSummary, layout, PROBLEMS_ID } from '../pages/layout.ts'
import { say, sayDuration, sayPlainly } from '../pages/say.ts'

export type AccountProblem = 'lastFactor'

type LoginProblem =
  | { readonly kind: 'wrong' | 'missing' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }

export function accountLoginPage(input: {
  readonly publicUrl: string
  readonly formToken: string
  readonly hasPasswords: boolean
  readonly canHavePasskeys: boolean
  readonly problem: LoginProblem | null
  readonly username: string
}): string {
  const { publicUrl, problem } = input
  const title = sayPlainly('account.loginTitle')
  const problemId = problem !== null && problem.kind !== 'throttled' ? PROBLEMS_ID : null
  const text =
    problem === null
      ? null
      : problem.kind === 'throttled'
        ? say('login.throttled', { wait: sayDuration(problem.retryAfterSeconds) })
        : say(`login.${problem.kind}`)
  return layout({
    title: problem ? `${sayPlainly('form.problem')}: ${title}` : title,
    card: html`<h1>${title}</h1>
<p class="lead">${input.hasPasswords ? say('account.loginLead') : say('account.noPasswords')}</p>
${text ? errorSummary([{ text, fieldUrl: problemId === null ? null : safeUrl('/account#username', publicUrl) }]) : null}
${
  input.hasPasswords
    ? html`${input.canHavePasskeys ? html`<p><a class="button wide" href="${safeUrl('/account/passkey', publicUrl)}"><span>${say('passkey.use')}</span></a></p>` : null}
<form method="post" action="${safeUrl('/account', publicUrl)}">
<input type="hidden" name="${TOKEN_FIELD}" value="${input.formToken}">
${field({ id: 'username', type: 'text', label: say('form.username'), autocomplete: 'username', value: input.username, problemId, isFirst: input.username === '' })}
${field({ id: 'password', type: 'password', label: say('form.password'), autocomplete: 'current-password', problemId, isFirst: input.username !== '' })}
<button class="wide">${say('login.submit')}</button>
</form>`
    : null
}`,
  })
}

export function accountPage(input: {
  readonly publicUrl: string
  readonly formToken: string
  readonly account: Account
  readonly factors: Factors
  readonly canHavePasskeys: boolean
  readonly problem: AccountProblem | null
}): string {
  const { publicUrl, formToken, account, factors, problem } = input
  const title = sayPlainly('account.title')
  const hasAny = factors.hasTotp || factors.passkeys.length > 0
  const act = (path: string, label: HtmlValue, more: HtmlValue = null) =>
    html`<form method="post" action="${safeUrl(path, publicUrl)}">
<input type="hidden" name="${TOKEN_FIELD}" value="${formToken}">${more}
<button class="quiet">${label}</button>
</form>`
  return layout({
    title: problem ? `${sayPlainly('form.problem')}: ${title}` : title,
    card: html`<h1>${title}</h1>
<p class="lead">${say('account.lead', { username: html`<strong><bdi>${account.username}</bdi></strong>` })}</p>
${problem ? errorSummary([{ text: say(`account.${problem}`), fieldUrl: null }]) : null}
<h2>${say('account.app')}</h2>
<p>${factors.hasTotp ? say('account.appOn') : say('account.appOff')}</p>
${factors.hasTotp ? act('/account/totp/remove', say('account.appRemove')) : act('/account/totp', say('account.appAdd'))}
<h2>${say('account.passkeys')}</h2>
${factors.passkeys.length === 0 ? html`<p>${input.canHavePasskeys ? say('account.passkeysNone') : say('account.passkeysNever')}</p>` : null}
${factors.passkeys.map((passkey) => html`<div class="row"><p><bdi>${passkey.name}</bdi> <span class="muted">${describe(passkey)}</span></p>${act('/account/passkeys/remove', say('account.passkeyRemove', { name: passkey.name }), html`<input type="hidden" name="id" value="${passkey.credentialId}">`)}</div>`)}
${input.canHavePasskeys ? html`<p><a class="button" href="${safeUrl('/account/passkeys/new', publicUrl)}"><span>${say('account.passkeyAdd')}</span></a></p>` : null}
${
  hasAny
    ? html`<h2>${say('account.codes')}</h2>
<p>${say('account.codesLeft', { count: factors.recoveryCodesLeft })}</p>
${act('/account/recovery-codes', say('account.codesRenew'))}`
    : null
}
<h2>${say('account.leaveTitle')}</h2>
${act('/account/leave', say('account.leave'))}`,
  })
}

function describe({ createdAt, lastUsedAt }: Passkey): string {
  const day = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10)
  return lastUsedAt === null
    ? sayPlainly('account.passkeyMade', { made: day(createdAt) })
    : sayPlainly('account.passkeyUsed', { made: day(createdAt), used: day(lastUsedAt) })
}
