import type { Snapshot } from '#core/snapshot.ts'
import { attributes, type Html, type HtmlValue, html, type SafeUrl, safeUrl } from '#http/html.ts'
import { ADMIN_API_ID, isAdminApi } from '#policy/admin-api.ts'
import { printClassScope } from '#policy/scopes.ts'
import type { Account } from '#store/ports/accounts.ts'
import { deviceFacts } from '../device/device-pages.ts'
import type { Interaction } from '../interactions.ts'
import { accessTokenSeconds, grantSeconds, takesRefreshToken } from '../lifetimes.ts'
import { TOKEN_FIELD } from '../pages/accept-form.ts'
import { errorSummary, layout } from '../pages/layout.ts'
import { say, sayDuration, sayPlainly } from '../pages/say.ts'
import { consentWarnings } from './consent-warnings.ts'
import { printableName } from './printable-name.ts'
import { isThisComputer, isWebUrl, redirectTarget } from './redirect-target.ts'
import type { ScopeChoice, ScopeChoices } from './scope-choices.ts'

const SCOPES_NAMED_MAX = 5
const SCOPE_CHARACTERS_MAX = 60
const ADMIN_READ = printClassScope(ADMIN_API_ID, 'read')
const ADMIN_WRITE = printClassScope(ADMIN_API_ID, 'write')

export interface ConsentPageInput {
  readonly interaction: Interaction
  readonly account: Account
  readonly choices: ScopeChoices
  readonly snapshot: Snapshot
  readonly nowSeconds: number
  readonly formToken: string
  /** Scopes to show ticked instead of those asked for: what the person had ticked before a problem. */
  readonly ticked?: ReadonlySet<string>
  readonly problem?: 'chooseOne' | 'chooseButton' | 'changed'
}

/** The question itself: who asks, where the answer goes, for which server, as whom, and for what. */
export function consentPage(input: ConsentPageInput): string {
  const { interaction, account, choices, snapshot } = input
  const here = `/consent/${encodeURIComponent(interaction.uid)}`
  const own = (path: string) => safeUrl(path, snapshot.publicUrl)
  const name = clientName(interaction)
  const client = html`<bdi>${name}</bdi>`
  const ticked = input.ticked ?? new Set(choices.asked.map(({ scope }) => scope))
  const moreIsOpen = choices.more.some(({ scope }) => ticked.has(scope))
  // Where the name may be a trick, no button is made the obvious one.
  const isDoubtful = interaction.client.lookalikes.length > 0
  const hasChoice = choices.asked.length + choices.more.length > 0
  const key = titleKey(interaction, ticked)
  const question = sayPlainly(key, { client: name, server: interaction.server.title })
  return layout({
    title: input.problem ? `${sayPlainly('form.problem')}: ${question}` : question,
    card: html`<h1>${say(key, { client, server: html`<bdi>${interaction.server.title}</bdi>` })}</h1>
${problemSummary(input, own)}
${warningBox([...apiWarning(interaction, client, ticked), ...consentWarnings(interaction.client, client, input.nowSeconds)])}
${facts(interaction, account, client, own(`${here}/account`), input.nowSeconds)}
<form method="post" action="${own(here)}">
<input type="hidden" name="${TOKEN_FIELD}" value="${input.formToken}">
${
  choices.asked.length > 0
    ? html`<fieldset id="asked"><legend>${say('consent.asked')}</legend>
${choices.asked.map((choice) => scopeRow(choice, ticked))}</fieldset>`
    : html`<p><strong>${say('consent.askedNothing')}</strong></p>`
}
${leftOut(interaction, choices)}
${
  choices.more.length > 0
    ? html`<details${attributes({ open: moreIsOpen })}>
<summary>${say('consent.more', { count: choices.more.length })}</summary>
<fieldset><legend class="small muted">${say('consent.moreLegend')}</legend>
${choices.more.map((choice) => scopeRow(choice, ticked))}</fieldset>
</details>`
    : null
}
<div class="choice">
<button class="quiet" name="decision" value="deny">${say('consent.deny')}</button>
${hasChoice ? html`<button${attributes({ class: isDoubtful ? 'quiet' : null })} name="decision" value="allow">${say('consent.allow')}</button>` : null}
</div>
</form>
<p class="foot">${duration(interaction, snapshot, ticked)}</p>`,
  })
}

/** The question depends on what is at stake: a server, the records of the gateway itself, or its administration. */
function titleKey({ server }: Interaction, ticked: ReadonlySet<string>) {
  if (!isAdminApi(server)) return 'consent.title'
  return ticked.has(ADMIN_WRITE) ? 'consent.titleApiWrite' : 'consent.titleApiRead'
}

function apiWarning({ server }: Interaction, client: Html, ticked: ReadonlySet<string>): readonly Html[] {
  if (!isAdminApi(server)) return []
  return [say(ticked.has(ADMIN_WRITE) ? 'consent.warnApiWrite' : 'consent.warnApiRead', { client })]
}

function duration({ server }: Interaction, snapshot: Snapshot, ticked: ReadonlySet<string>): Html {
  // Of the admin API the page says how long reading alone would last.
  const scopes = isAdminApi(server) ? [ADMIN_READ] : [...ticked]
  const isRefreshed = takesRefreshToken(server, scopes, snapshot)
  const longest = sayDuration(grantSeconds(server, scopes, snapshot, isRefreshed))
  if (!isAdminApi(server)) return say('consent.foot', { duration: longest })
  return say('consent.footApi', { short: sayDuration(accessTokenSeconds(server, scopes, snapshot)), duration: longest })
}

/** The name to show: cleaned, or a sentence saying that there is none. */
export function clientName(interaction: Interaction): string {
  return printableName(interaction.client.name) ?? sayPlainly('consent.appNameless')
}

/** Where the answer goes: to an address of the client, or to the device that shows a code. */
function recipient({ redirectUri, device }: Interaction, nowSeconds: number): HtmlValue {
  if (redirectUri === null) {
    if (device == null) throw new Error('access that goes nowhere')
    return html`<div class="key"><dt>${say('device.codeShown')}</dt><dd class="main"><code>${device.userCode}</code></dd></div>
${deviceFacts(device, nowSeconds)}`
  }
  const target = html`<bdi>${redirectTarget(redirectUri)}</bdi>`
  const redirect = isThisComputer(redirectUri)
    ? say('consent.redirectHere', { host: target })
    : isWebUrl(redirectUri)
      ? target
      : say('consent.redirectScheme', { scheme: target })
  return html`<div class="key"><dt>${say('consent.redirect')}</dt><dd class="main">${redirect}</dd><dd><code>${asciiUri(redirectUri)}</code></dd></div>`
}

function facts(interaction: Interaction, account: Account, client: Html, switchUrl: SafeUrl, nowSeconds: number): Html {
  const { server } = interaction
  return html`<dl class="facts">
${recipient(interaction, nowSeconds)}
<div><dt>${say('consent.app')}</dt><dd class="main">${client}</dd><dd class="small muted">${voucher(interaction)}</dd></div>
<div><dt>${say(isAdminApi(server) ? 'consent.api' : 'consent.server')}</dt><dd class="main"><bdi>${server.title}</bdi></dd>${
    server.description ? html`<dd class="small muted">${server.description}</dd>` : null
  }<dd><code>${server.resource}</code></dd></div>
<div><dt>${say('consent.account')}</dt><dd class="main"><bdi>${printableName(account.displayName) ?? account.username}</bdi>${
    account.displayName !== account.username ? html` <span class="muted small">(${account.username})</span>` : null
  }</dd><dd class="small"><a class="action" href="${switchUrl}">${say('consent.switch')}</a></dd></div>
</dl>`
}

/** As the browser will send it: a host in look-alike letters shows as `xn--…`, direction marks as `%E2%80%AE`. */
function asciiUri(uri: string): string {
  return URL.parse(uri)?.href ?? uri
}

/** Who stands behind the client's name. */
function voucher({ client }: Interaction): Html {
  if (client.kind === 'preregistered') return say('consent.appPreregistered')
  return client.kind === 'metadataDocument' && client.clientIdHost !== null
    ? say('consent.appDocument', { host: html`<strong><bdi>${client.clientIdHost}</bdi></strong>` })
    : say('consent.appClaim')
}

function warningBox(warnings: readonly Html[]): HtmlValue {
  const [first] = warnings
  if (first === undefined) return null
  return html`<section class="note warn" aria-labelledby="warnings"><h2 id="warnings">${say('consent.warnTitle')}</h2>
${warnings.length === 1 ? html`<p>${first}</p>` : html`<ul>${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>`}</section>`
}

function scopeRow(choice: ScopeChoice, ticked: ReadonlySet<string>): Html {
  const { scope, meaning } = choice
  const id = `scope-${Buffer.from(scope).toString('hex')}`
  const { name, what } = scopeWords(meaning)
  return html`<label class="scope" for="${id}">
<input type="checkbox" name="scope" id="${id}" value="${scope}"${attributes({ checked: ticked.has(scope) })}>
<span class="name"><span>${name}</span>${choice.isFarReaching ? html` <span class="risk">${say('consent.highRisk')}</span>` : null} <code>${scope}</code></span>
<span class="what">${what}</span>
</label>`
}

function scopeWords(meaning: ScopeChoice['meaning']): { readonly name: Html; readonly what: Html } {
  switch (meaning.kind) {
    case 'class':
      return { name: say(`scope.${meaning.toolClass}`), what: say(`scope.${meaning.toolClass}.what`) }
    case 'tool':
      return { name: say('scope.tool', { tool: html`<bdi>${meaning.tool}</bdi>` }), what: say('scope.tool.what') }
    case 'api':
      return { name: say(`scope.api.${meaning.access}`), what: say(`scope.api.${meaning.access}.what`) }
  }
}

function leftOut(interaction: Interaction, choices: ScopeChoices): HtmlValue {
  if (choices.beyondRole.length + interaction.scopesUnknown.length === 0) return null
  return html`<div class="small muted left-out">
${choices.beyondRole.length > 0 ? html`<p>${say('consent.beyondRole', { scopes: scopeList(choices.beyondRole) })}</p>` : null}
${interaction.scopesUnknown.length > 0 ? html`<p>${say('consent.unknown', { scopes: scopeList(interaction.scopesUnknown) })}</p>` : null}
</div>`
}

/** The client wrote these; they are shown short, and not too many. */
function scopeList(scopes: readonly string[]): Html {
  const shown = scopes.slice(0, SCOPES_NAMED_MAX).map((scope, index) => {
    const text = scope.length > SCOPE_CHARACTERS_MAX ? `${scope.slice(0, SCOPE_CHARACTERS_MAX)}…` : scope
    return html`${index > 0 ? ', ' : ''}<code>${text}</code>`
  })
  const rest = scopes.length - SCOPES_NAMED_MAX
  return html`${shown}${rest > 0 ? html`, ${say('consent.andMore', { count: rest })}` : null}`
}

function problemSummary(input: ConsentPageInput, own: (path: string) => SafeUrl): HtmlValue {
  if (input.problem === undefined) return null
  const target =
    input.choices.asked.length > 0 ? own(`/consent/${encodeURIComponent(input.interaction.uid)}#asked`) : null
  return errorSummary([{ text: say(`consent.${input.problem}`), fieldUrl: target }])
}
