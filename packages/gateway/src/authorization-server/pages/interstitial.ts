import { html, safeUrl } from '#http/html.ts'
import { isWebUrl, redirectTarget } from '../consent/redirect-target.ts'
import { layout } from './layout.ts'
import { say, sayPlainly } from './say.ts'

const CHECK = html`<span class="mark"><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false"><path d="M5 12.5l4.5 4.5L19 7.5"/></svg></span>`
const CROSS = html`<span class="mark"><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" aria-hidden="true" focusable="false"><path d="M6 6l12 12M18 6L6 18"/></svg></span>`

/**
 * The page between the decision and the client. A redirect chain that starts with a form post is held to `form-action` by Chromium, and
 * the client is elsewhere; a navigation is not. So: 200, then a refresh to our own resume address, which redirects to the client. For a
 * scheme of the client's own a person must click, or the browser asks to open an app out of nowhere.
 */
export function interstitialPage(input: {
  readonly decision: 'allowed' | 'denied'
  /** Where the engine goes on; on our own origin. */
  readonly resumeUrl: string
  readonly redirectUri: string
  readonly publicUrl: string
}): string {
  const resume = safeUrl(input.resumeUrl, input.publicUrl)
  const title = sayPlainly(input.decision === 'allowed' ? 'return.allowedTitle' : 'return.deniedTitle')
  const mark = input.decision === 'allowed' ? CHECK : CROSS
  const target = html`<strong><bdi>${redirectTarget(input.redirectUri)}</bdi></strong>`
  if (isWebUrl(input.redirectUri)) {
    return layout({
      title,
      refresh: resume,
      card: html`${mark}<h1>${title}</h1>
<p>${say('return.going', { target })}</p>
<p><a class="action" href="${resume}">${say('return.goingLink')}</a></p>`,
    })
  }
  return layout({
    title,
    card: html`${mark}<h1>${title}</h1>
<p>${say('return.open', { scheme: target })}</p>
<p><a class="button wide" href="${resume}">${say('return.openLink')}</a></p>
<p class="foot">${say('return.close')}</p>`,
  })
}
