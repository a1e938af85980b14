import { pathOf } from '#core/issuer-url.ts'

/**
 * An escaping template: html`<p>${untrusted}</p>`. What may stand at a place depends on the place, and is checked when the template is
 * first used: text and double-quoted attributes take strings (escaped), attributes that hold a URL take only a `SafeUrl`, the inside of
 * a tag takes only `attributes(…)`. Scripts, styles, event handlers and unquoted attributes cannot be written at all: they throw.
 */
export type HtmlValue = string | number | Html | SafeUrl | Attributes | false | null | undefined | readonly HtmlValue[]

class HtmlFragment {
  readonly #markup: string

  constructor(markup: string) {
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }

  static is(value: unknown): value is HtmlFragment {
    return typeof value === 'object' && value !== null && #markup in value
  }
}

class CheckedUrl {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  toString(): string {
    return this.#url
  }

  static is(value: unknown): value is CheckedUrl {
    return typeof value === 'object' && value !== null && #url in value
  }
}

class AttributeList {
  readonly #markup: string

  constructor(markup: string) {
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }

  static is(value: unknown): value is AttributeList {
    return typeof value === 'object' && value !== null && #markup in value
  }
}

/** Markup that came out of `html`; there is no other way to make it. */
export type Html = HtmlFragment
/** A URL below our own issuer; made by `safeUrl` only. */
export type SafeUrl = CheckedUrl
/** Attributes that are there or not; made by `attributes` only. */
export type Attributes = AttributeList

/** Builds markup. Throws on a value that may not stand where it stands: that is a bug in the page, never in the input. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const places = placesOf(strings)
  let markup = strings[0] ?? ''
  for (const [index, value] of values.entries()) {
    markup += print(value, places[index] ?? { kind: 'text' }) + (strings[index + 1] ?? '')
  }
  return new HtmlFragment(markup)
}

/** `true` writes the bare name; `false`, `null` and `undefined` leave it out. */
export function attributes(list: Readonly<Record<string, string | number | boolean | null | undefined>>): Attributes {
  let markup = ''
  for (const [name, value] of Object.entries(list)) {
    if (value === false || value === null || value === undefined) continue
    if (!/^[a-z][a-z-]*$/.test(name)) throw new TypeError(`"${name}" is not an attribute name`)
    refuseActive(name)
    if (URL_ATTRIBUTES.has(name)) throw new TypeError(`${name} must be written in the template, with a SafeUrl`)
    markup += value === true ? ` ${name}` : ` ${name}="${escapeHtml(String(value))}"`
  }
  return new AttributeList(markup)
}

/**
 * A URL that a page may link to, submit to or refresh to: an address on our own origin, absolute or as a path.
 * Throws for everything else (other origins, `javascript:`, credentials), so that no page can be made to point elsewhere.
 */
export function safeUrl(url: string, issuer: string): SafeUrl {
  const isPath = /^\/(?![/\\])/.test(url)
  const parsed = isPath ? URL.parse(`${issuer}${url}`) : URL.parse(url, issuer)
  const isOurs =
    parsed !== null &&
    (parsed.protocol === 'https:' || parsed.protocol === 'http:') &&
    parsed.origin === new URL(issuer).origin &&
    parsed.pathname.startsWith(`${pathOf(issuer)}/`) &&
    parsed.username === '' &&
    parsed.password === ''
  if (!isOurs) throw new TypeError('a page may only point to its own origin, and there to its own issuer')
  return new CheckedUrl(parsed.href)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '')
}

const URL_ATTRIBUTES: ReadonlySet<string> = new Set(['href', 'src', 'action', 'formaction', 'srcset', 'data', 'poster'])

type Place =
  | { readonly kind: 'text' }
  | { readonly kind: 'attribute'; readonly name: string; readonly isWhole: boolean }
  | { readonly kind: 'tag' }

function print(value: HtmlValue, place: Place): string {
  if (value === false || value === null || value === undefined) return ''
  if (typeof value === 'object' && !HtmlFragment.is(value) && !CheckedUrl.is(value) && !AttributeList.is(value)) {
    if (!Array.isArray(value)) throw new TypeError('this kind of value cannot be put on a page')
    return value.map((item: HtmlValue) => print(item, place)).join('')
  }
  if (place.kind === 'tag') {
    if (AttributeList.is(value)) return value.toString()
    throw new TypeError('only attributes(…) may stand inside a tag')
  }
  if (AttributeList.is(value)) throw new TypeError('attributes(…) may only stand inside a tag')
  if (place.kind === 'text') return HtmlFragment.is(value) ? value.toString() : escapeHtml(String(value))
  if (HtmlFragment.is(value)) throw new TypeError('markup may not stand in an attribute')
  if (URL_ATTRIBUTES.has(place.name) && !(CheckedUrl.is(value) && place.isWhole)) {
    throw new TypeError(`${place.name} takes one SafeUrl and nothing else`)
  }
  return escapeHtml(String(value))
}

const placesByTemplate = new WeakMap<TemplateStringsArray, readonly Place[]>()

function placesOf(strings: TemplateStringsArray): readonly Place[] {
  const known = placesByTemplate.get(strings)
  if (known) return known
  const places = scan(strings)
  placesByTemplate.set(strings, places)
  return places
}

/** Reads the constant parts once and says what kind of place each value stands at. Bounded by the template's own length. */
function scan(strings: readonly string[]): readonly Place[] {
  const places: Place[] = []
  let state: 'text' | 'tag' | 'attribute' = 'text'
  let name = ''
  for (const [index, part] of strings.entries()) {
    const isLast = index === strings.length - 1
    for (const [at, character] of [...part].entries()) {
      if (state === 'text') {
        if (character === '<') state = 'tag'
      } else if (state === 'attribute') {
        if (character === '"') state = 'tag'
      } else if (character === '"') {
        state = 'attribute'
        name = /([a-zA-Z-]+)=$/.exec([...part].slice(0, at).join(''))?.[1]?.toLowerCase() ?? ''
        if (name === '') throw new TypeError('a quote inside a tag must follow an attribute name')
        refuseActive(name)
      } else if (character === "'" || character === '<') {
        throw new TypeError('attributes are written in double quotes')
      } else if (character === '>') {
        state = 'text'
      }
    }
    if (/<(?:script|style|iframe|object|embed|base)\b/i.test(part)) throw new TypeError('pages have no active content')
    if (isLast) break
    if (state === 'tag' && /=\s*$/.test(part)) throw new TypeError('attribute values are written in double quotes')
    if (state === 'tag' && /<\/?$/.test(part)) throw new TypeError('element names are written out')
    const isWhole = part.endsWith('"') && (strings[index + 1] ?? '').startsWith('"')
    places.push(state === 'attribute' ? { kind: 'attribute', name, isWhole } : { kind: state })
  }
  if (state !== 'text') throw new TypeError('a template must close the tags it opens')
  return places
}

function refuseActive(name: string): void {
  if (name.startsWith('on') || name === 'style' || name === 'srcdoc') {
    throw new TypeError(`pages have no ${name} attribute`)
  }
}
