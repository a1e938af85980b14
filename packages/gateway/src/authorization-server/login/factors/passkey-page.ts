import { type HtmlValue, html, safeUrl } from '#http/html.ts'
import { TOKEN_FIELD } from '../../pages/accept-form.ts'
import { errorSummary, layout } from '../../pages/layout.ts'
import { say, sayPlainly } from '../../pages/say.ts'
import { PASSKEY_SCRIPT_PATH } from './passkey-script.ts'

export interface PasskeyPageInput {
  readonly publicUrl: string
  /** Where the answer goes. */
  readonly action: string
  readonly formToken: string
  readonly kind: 'create' | 'get'
  /** For `navigator.credentials`, as JSON (WebAuthn Level 3 §5.1.8, §5.1.9). */
  readonly options: object
  /** Where to go without one. */
  readonly back: string
  readonly problem: 'passkeyRefused' | 'passkeyTaken' | 'passkeysFull' | null
  readonly more?: HtmlValue
}

export function passkeyPage(input: PasskeyPageInput): string {
  const { publicUrl, kind, problem } = input
  const title = sayPlainly(kind === 'get' ? 'passkey.titleGet' : 'passkey.titleCreate')
  return layout({
    title: problem ? `${sayPlainly('form.problem')}: ${title}` : title,
    script: safeUrl(PASSKEY_SCRIPT_PATH, publicUrl),
    card: html`<h1>${title}</h1>
<p class="lead">${kind === 'get' ? say('passkey.leadGet') : say('passkey.leadCreate')}</p>
${problem ? errorSummary([{ text: say(`passkey.${problem}`), fieldUrl: null }]) : null}
<p class="note" data-without>${say('passkey.without')}</p>
<form method="post" action="${safeUrl(input.action, publicUrl)}" data-passkey="${kind}" data-options="${JSON.stringify(input.options)}">
<input type="hidden" name="${TOKEN_FIELD}" value="${input.formToken}">
<input type="hidden" name="credential" value="">
${input.more ?? null}
<p class="note bad" role="alert" data-problem hidden>${say('passkey.cancelled')}</p>
<button class="wide" hidden>${kind === 'get' ? say('passkey.get') : say('passkey.create')}</button>
</form>
<p class="foot"><a href="${safeUrl(input.back, publicUrl)}">${say('passkey.back')}</a></p>`,
  })
}
