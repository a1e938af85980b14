import { escapeHtml, type Html, type SafeUrl } from './html.ts'
import { STYLESHEET } from './stylesheet.ts'

export interface PageInput {
  /** Plain text; the product's name is added. */
  readonly title: string
  /** BCP 47 tag of the language the page is in. */
  readonly lang: string
  readonly body: Html
  /** Go there at once. A navigation, not a form submission: `form-action` does not follow it. */
  readonly refresh?: SafeUrl
  /** The page's one script, which its headers have to allow by name. */
  readonly script?: SafeUrl
}

/** Path of the icon, served by us because `img-src` is `'self'`. */
export const ICON_PATH = '/icon.svg'

/** A whole document. Its headers are `pageHeaders()`; without them the style is not trusted by anything. */
export function page(input: PageInput): string {
  // WCAG 2.2.1: a refresh after 0 seconds is a redirect and takes no time away from anybody.
  const refresh = input.refresh
    ? `<meta http-equiv="refresh" content="0; url=${escapeHtml(String(input.refresh))}">\n`
    : ''
  const script = input.script ? `<script src="${escapeHtml(String(input.script))}" defer></script>\n` : ''
  return `<!doctype html>
<html lang="${escapeHtml(input.lang)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
${refresh}${script}<title>${escapeHtml(input.title)} · Sallyport</title>
<link rel="icon" href="${ICON_PATH}" type="image/svg+xml">
<style>${STYLESHEET}</style>
</head>
<body>
${String(input.body)}
</body>
</html>
`
}
