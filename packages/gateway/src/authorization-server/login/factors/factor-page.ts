import { type HtmlValue, html, safeUrl } from '#http/html.ts'
import { TOKEN_FIELD } from '../../pages/accept-form.ts'
import { field } from '../../pages/field.ts'
import { errorSummary, layout, PROBLEMS_ID } from '../../pages/layout.ts'
import { say, sayDuration, sayPlainly } from '../../pages/say.ts'
import type { PasswordProof } from './password-proof.ts'

export type CodeProblem =
  | { readonly kind: 'missing' | 'wrongCode' | 'codeUsed' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }

export interface FactorPageInput {
  readonly publicUrl: string
  readonly path: string
  readonly proof: PasswordProof
  readonly hasTotp: boolean
  readonly hasPasskey: boolean
  readonly problem: CodeProblem | null
}

/** The second step of a sign-in with a password. */
export function factorPage({ publicUrl, path, proof, hasTotp, hasPasskey, problem }: FactorPageInput): string {
  const title = sayPlainly('factor.title')
  return layout({
    title: problem ? `${sayPlainly('form.problem')}: ${title}` : title,
    card: html`<h1>${title}</h1>
<p class="lead">${hasTotp ? say('factor.lead') : say('factor.leadNoApp')}</p>
${problem ? codeProblem(problem, safeUrl(`${path}/factor#code`, publicUrl)) : null}
${hasPasskey ? html`<p><a class="button wide" href="${safeUrl(`${path}/passkey`, publicUrl)}"><span>${say('passkey.use')}</span></a></p>` : null}
<form method="post" action="${safeUrl(`${path}/factor`, publicUrl)}">
${proofFields(proof)}
${field({ id: 'code', type: 'text', label: hasTotp ? say('factor.code') : say('factor.recoveryCode'), autocomplete: 'one-time-code', problemId: problem && problem.kind !== 'throttled' ? PROBLEMS_ID : null, isFirst: true })}
<button class="wide">${say('login.submit')}</button>
</form>
<p class="foot">${say('factor.foot')}</p>`,
  })
}

export function proofFields({ formToken, subject, since }: PasswordProof): HtmlValue {
  return html`<input type="hidden" name="${TOKEN_FIELD}" value="${formToken}">
<input type="hidden" name="subject" value="${subject}">
<input type="hidden" name="since" value="${since}">`
}

export function codeProblem(problem: CodeProblem, fieldUrl: ReturnType<typeof safeUrl>): HtmlValue {
  const text =
    problem.kind === 'throttled'
      ? say('login.throttled', { wait: sayDuration(problem.retryAfterSeconds) })
      : say(`factor.${problem.kind}`)
  return errorSummary([{ text, fieldUrl: problem.kind === 'throttled' ? null : fieldUrl }])
}
