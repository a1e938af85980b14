import type { ProtectedResource } from '#core/snapshot.ts'
import { attributes, type Html, type HtmlValue, html, safeUrl } from '#http/html.ts'
import { printableName } from '../consent/printable-name.ts'
import type { ClientDescription } from '../interactions.ts'
import { errorSummary, layout } from '../pages/layout.ts'
import { say, sayDuration, sayPlainly } from '../pages/say.ts'
import type { DeviceRequest } from './device-request.ts'

const USER_CODE_CHARACTERS_MAX = 32

export type CodeProblem = 'missing' | 'unknown' | 'expired' | 'again'

/** Where a person types the code that their device shows. `typed` may have come in a link; it is only shown. */
export function codePage(input: {
  readonly publicUrl: string
  readonly xsrf: string
  readonly typed: string
  readonly problem: CodeProblem | null
}): string {
  const { publicUrl, problem } = input
  const title = sayPlainly('device.title')
  const problems =
    problem === null ? [] : [{ text: say(`device.${problem}`), fieldUrl: safeUrl('/device#user_code', publicUrl) }]
  const field = attributes({
    value: input.typed.slice(0, USER_CODE_CHARACTERS_MAX),
    'aria-invalid': problem === null ? null : 'true',
    autofocus: true,
    autocapitalize: 'characters',
    spellcheck: 'false',
  })
  return layout({
    title: problem === null ? title : `${sayPlainly('form.problem')}: ${title}`,
    card: html`<h1>${title}</h1>
<p class="lead">${say('device.lead')}</p>
${errorSummary(problems)}
<form method="post" action="${safeUrl('/device', publicUrl)}">
<input type="hidden" name="xsrf" value="${input.xsrf}">
<div class="field">
<label for="user_code">${say('device.code')}</label>
<p class="hint" id="user_code-hint">${say('device.codeHint')}</p>
<input type="text" id="user_code" name="user_code" autocomplete="off" required maxlength="${String(USER_CODE_CHARACTERS_MAX)}" aria-describedby="user_code-hint"${field}>
</div>
<button class="wide">${say('device.submit')}</button>
</form>
<p class="foot">${say('device.foot')}</p>`,
  })
}

/** RFC 8628 §3.3.1, §5.4: who asks, from where, for what; and the code, to be compared with the device's, also when it came in a link. */
export function confirmPage(input: {
  readonly publicUrl: string
  readonly xsrf: string
  readonly client: ClientDescription
  readonly server: ProtectedResource
  readonly request: DeviceRequest
  readonly nowSeconds: number
}): string {
  const { publicUrl, client, server, request } = input
  const name = html`<bdi>${printableName(client.name) ?? sayPlainly('consent.appNameless')}</bdi>`
  return layout({
    title: sayPlainly('device.confirmTitle'),
    card: html`<h1>${say('device.confirmTitle')}</h1>
<p class="lead">${say('device.confirmLead')}</p>
<dl class="facts">
<div class="key"><dt>${say('device.codeShown')}</dt><dd class="main"><code>${request.userCode}</code></dd></div>
${deviceFacts(request, input.nowSeconds)}
<div><dt>${say('consent.app')}</dt><dd class="main">${name}</dd></div>
<div><dt>${say('consent.server')}</dt><dd class="main"><bdi>${server.title}</bdi></dd><dd><code>${server.resource}</code></dd></div>
</dl>
<section class="note warn" aria-labelledby="warnings"><h2 id="warnings">${say('consent.warnTitle')}</h2><p>${say('device.warn')}</p></section>
<form method="post" action="${safeUrl('/device', publicUrl)}">
<input type="hidden" name="xsrf" value="${input.xsrf}">
<input type="hidden" name="user_code" value="${request.userCode}">
<div class="choice">
<button class="quiet" name="decision" value="abort">${say('device.abort')}</button>
<button class="quiet" name="decision" value="confirm">${say('device.confirm')}</button>
</div>
</form>
<p class="foot">${say('device.confirmFoot')}</p>`,
  })
}

/** Also on the consent page, in the place of where codes go. */
export function deviceFacts({ address, requestedAt }: DeviceRequest, nowSeconds: number): Html {
  const age = sayDuration(Math.max(1, nowSeconds - requestedAt), 'down')
  return html`<div><dt>${say('device.where')}</dt><dd class="main"><code>${address}</code></dd><dd class="small muted">${say('device.when', { age })}</dd></div>`
}

/** The end, at the person's browser; the device goes on by itself. */
export function devicePage(outcome: 'connected' | 'denied' | 'used', detail: HtmlValue = null): string {
  const title = sayPlainly(`device.${outcome}Title`)
  return layout({ title, card: html`<h1>${title}</h1>\n<p>${say(`device.${outcome}`)}</p>${detail}` })
}
