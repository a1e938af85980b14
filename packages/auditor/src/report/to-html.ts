import { createHash } from 'node:crypto'
import { STYLE } from './html-style.ts'
import type { Finding } from './model.ts'
import { type Outline, type OutlineTable, outlineOf, placeOf, type Report, referenceIds } from './outline.ts'

/**
 * One HTML file that needs nothing else: no script, no font, no image, no request. The policy names the one style sheet
 * by its hash, so that markup which got in through a mistake of ours could still load and run nothing.
 */
export function toHtml(reports: readonly Report[]): string {
  const outlines = reports.map(outlineOf)
  const title = outlines.length === 1 ? (outlines[0]?.title ?? '') : `${outlines.length} reports`
  const styleHash = createHash('sha256').update(STYLE).digest('base64')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${html(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#findings-1">Skip to findings</a>
<main>
${outlines.map(partOf).join('\n')}
</main>
<footer><p>Made by sallyport-audit. Secrets are shown as kinds and hashes.</p></footer>
</body>
</html>
`
}

function partOf({ title, facts, tables, findings, notes }: Outline, index: number): string {
  const number = index + 1
  return [
    `<article aria-labelledby="title-${number}">`,
    `<h1 id="title-${number}">${html(title)}</h1>`,
    `<dl class="facts">${facts.map(([label, value]) => `<div><dt>${html(label)}</dt><dd>${text(value)}</dd></div>`).join('')}</dl>`,
    ...tables.map((table, at) => tableOf(table, `table-${number}-${at + 1}`)),
    notes.length === 0 ? '' : `<h2>Notes</h2><ul>${notes.map((note) => `<li>${text(note)}</li>`).join('')}</ul>`,
    `<h2 id="findings-${number}" tabindex="-1">Findings</h2>`,
    findings.length === 0 ? '<p>None.</p>' : findings.map(findingOf).join('\n'),
    '</article>',
  ].join('\n')
}

/** Wide tables scroll in a region of their own, which the keyboard reaches. */
function tableOf({ caption, head, rows }: OutlineTable, id: string): string {
  return [
    `<section class="table" role="region" aria-labelledby="${id}" tabindex="0"><table>`,
    `<caption id="${id}">${html(caption)}</caption>`,
    `<thead><tr>${head.map((cell) => `<th scope="col">${html(cell)}</th>`).join('')}</tr></thead>`,
    '<tbody>',
    ...rows.map((row) => `<tr>${row.map((cell, at) => cellOf(cell, at)).join('')}</tr>`),
    '</tbody></table></section>',
  ].join('\n')
}

function cellOf(cell: string, at: number): string {
  return at === 0 ? `<th scope="row">${text(cell)}</th>` : `<td${verdictClass(cell)}>${text(cell)}</td>`
}

function verdictClass(cell: string): string {
  const known = { pass: 'good', fail: 'bad', warn: 'middling', inconclusive: 'middling' }[cell]
  return known === undefined ? '' : ` class="${known}"`
}

function findingOf(finding: Finding): string {
  const { severity, code, title, detail, why, fixes, evidence, references } = finding
  const rows: [string, string][] = [
    ['Where', text(placeOf(finding))],
    ['Seen', text(detail)],
    ['Why it matters', html(why)],
    ...fixes.map(({ stack, text: fix }): [string, string] => [
      stack === 'any' ? 'Fix' : `Fix (${html(stack)})`,
      html(fix),
    ]),
    ...(evidence.quote === null ? [] : [['Quote', pre(evidence.quote)] as [string, string]]),
    ...(evidence.reproduce === null ? [] : [['Reproduce', pre(evidence.reproduce)] as [string, string]]),
    ...evidence.exchanges.map((exchange): [string, string] => [
      `Exchange ${exchange.number}`,
      pre(exchangeText(exchange)),
    ]),
    ['References', referenceIds(finding).map(html).join(', ')],
    ...references.clauses.flatMap(({ spec, section, url }): [string, string][] =>
      url.startsWith('https://')
        ? [['Clause', `<a rel="noreferrer noopener" href="${html(url)}">${html(`${spec} §${section}`)}</a>`]]
        : [],
    ),
  ]
  return [
    `<details class="finding ${severity}"${severity === 'critical' || severity === 'high' ? ' open' : ''}>`,
    `<summary><span class="severity">${severity}</span> ${html(title)} <code>${html(code)}</code> <span class="where">${text(placeOf(finding))}</span>${finding.isAccepted ? ' <em>accepted</em>' : ''}</summary>`,
    `<dl>${rows.map(([label, value]) => `<dt>${label}</dt><dd>${value}</dd>`).join('')}</dl>`,
    '</details>',
  ].join('\n')
}

function exchangeText({ request, response, failure }: Finding['evidence']['exchanges'][number]): string {
  const lines = (headers: readonly (readonly [string, string])[]): string[] =>
    headers.map(([name, value]) => `${name}: ${value}`)
  return [
    `${request.method} ${request.url}`,
    ...lines(request.headers),
    ...(request.body === null ? [] : ['', request.body]),
    '',
    ...(response === null
      ? [`no response: ${failure ?? ''}`]
      : [String(response.status), ...lines(response.headers), '', response.body, ...(response.isCut ? ['(cut)'] : [])]),
  ].join('\n')
}

function pre(content: string): string {
  return `<pre tabindex="0"><code dir="ltr">${html(content)}</code></pre>`
}

/** Text of a target or a file: isolated, so that its letters can't reorder ours. */
function text(content: string): string {
  return `<bdi>${html(content)}</bdi>`
}

function html(content: string): string {
  return content.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}
