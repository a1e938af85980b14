import { html } from '#http/html.ts'
import { layout, withCode } from './layout.ts'
import { say, sayPlainly } from './say.ts'

/** For whoever opens the gateway's own address. Names no server: nobody has signed in. */
export function homePage(publicUrl: string): string {
  const title = sayPlainly('home.title')
  return layout({
    title,
    card: html`<h1>${title}</h1>
<p class="lead">${say('home.lead')}</p>
<p>${say('home.connect')}<code class="copy">${publicUrl}/mcp/<em>${say('home.id')}</em></code></p>
<p class="foot">${withCode(sayPlainly('home.foot'))}</p>`,
  })
}
