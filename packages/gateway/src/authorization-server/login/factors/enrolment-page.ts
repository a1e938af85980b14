import { encode } from 'uqr'
import { type Html, html, safeUrl } from '#http/html.ts'
import { base32, otpauthUri } from '#identity/totp.ts'
import { field } from '../../pages/field.ts'
import { layout, PROBLEMS_ID } from '../../pages/layout.ts'
import { say, sayPlainly } from '../../pages/say.ts'
import { codeProblem, proofFields } from './factor-page.ts'
import type { PasswordProof } from './password-proof.ts'

export interface EnrolmentPageInput {
  readonly publicUrl: string
  readonly path: string
  readonly proof: PasswordProof
  /** Whether there is no way around it. */
  readonly isNeeded: boolean
  readonly sealed: string
  readonly secret: Uint8Array
  readonly username: string
  readonly problem: 'missing' | 'wrongCode' | null
}

export function enrolmentPage(input: EnrolmentPageInput): string {
  const { publicUrl, path, problem, secret } = input
  const title = sayPlainly('enrol.title')
  const issuer = `Sallyport (${new URL(publicUrl).host})`
  const key = (base32(secret).match(/.{1,4}/g) ?? []).join(' ')
  return layout({
    title: problem ? `${sayPlainly('form.problem')}: ${title}` : title,
    card: html`<h1>${title}</h1>
<p class="lead">${input.isNeeded ? say('enrol.leadNeeded') : say('enrol.lead')}</p>
${problem ? codeProblem({ kind: problem }, safeUrl(`${path}/enrol#code`, publicUrl)) : null}
${qrCode(otpauthUri(secret, { issuer, account: input.username }))}
<p class="small">${say('enrol.byHand')}<code class="copy">${key}</code></p>
<form method="post" action="${safeUrl(`${path}/enrol`, publicUrl)}">
${proofFields(input.proof)}
<input type="hidden" name="sealed" value="${input.sealed}">
${field({ id: 'code', type: 'text', label: say('factor.code'), autocomplete: 'one-time-code', problemId: problem ? PROBLEMS_ID : null, isFirst: true })}
<button class="wide">${say('enrol.submit')}</button>
</form>`,
  })
}

/** Dark on light in both schemes: cameras read no other. */
function qrCode(text: string): Html {
  const { data, size } = encode(text, { border: 4 })
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return html`<p class="qr"><svg viewBox="0 0 ${size} ${size}" role="img" aria-label="${sayPlainly('enrol.qr')}" shape-rendering="crispEdges"><rect width="${size}" height="${size}" fill="#ffffff"/><path d="${path}" fill="#000000"/></svg></p>`
}
