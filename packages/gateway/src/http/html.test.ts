import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attributes, html, safeUrl } from './html.ts'

const ORIGIN = 'https://gateway.example'

describe('html', () => {
  test('no value can open a tag or close an attribute, whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"><script>', "' onx=", '<!--', '`')),
        (value) => {
          const markup = String(html`<p title="${value}">${value}</p>`)
          const inner = markup.slice('<p title="'.length, -'</p>'.length)
          const [attribute = '', ...rest] = inner.split('">')
          expect(rest).toHaveLength(1)
          expect(attribute).not.toMatch(/["<>'`]/)
          expect(rest[0]).not.toMatch(/["<>'`]/)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('escaping loses nothing: the text read back is the text put in', () => {
    const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const text = String(html`${value}`).replace(/&([^;]+);/g, (all, name: string) => named[name] ?? all)
        expect(text).toBe(value)
      }),
    )
  })

  test('markup nests as markup, lists join, and nothing stands for nothing', () => {
    expect(
      String(html`<ul>${['a', '<b>'].map((item) => html`<li>${item}</li>`)}${null}${false}${undefined}${0}</ul>`),
    ).toBe('<ul><li>a</li><li>&lt;b&gt;</li>0</ul>')
  })

  test('an object that only looks like markup is refused', () => {
    const forged = { toString: () => '<script>alert(1)</script>' }
    // The cast plays a caller that got past the types.
    expect(() => html`<p>${forged as unknown as string}</p>`).toThrow(TypeError)
  })

  test('a URL attribute takes a checked URL alone', () => {
    expect(() => html`<a href="${'https://evil.example'}">x</a>`).toThrow(/SafeUrl/)
    expect(() => html`<a href="x${safeUrl('/a', ORIGIN)}">x</a>`).toThrow(/SafeUrl/)
    expect(() => attributes({ href: '/a' })).toThrow(/SafeUrl/)
    expect(String(html`<a href="${safeUrl('/a?b=1&c="', ORIGIN)}">x</a>`)).toBe(
      '<a href="https://gateway.example/a?b=1&amp;c=%22">x</a>',
    )
  })

  test.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    'javascript:alert(1)',
    'data:text/html,x',
    'https://user@gateway.example/',
    'https://gateway.example.evil.example/',
    'http://gateway.example/',
    'https://gateway.example:8443/',
  ])('a page cannot point to %s', (url) => {
    expect(() => safeUrl(url, ORIGIN)).toThrow(/own origin/)
  })

  test('what is not escapable by place cannot be written', () => {
    const value = 'x'
    expect(() => html`<p title=${value}>x</p>`).toThrow(/double quotes/)
    expect(() => html`<p ${value}>x</p>`).toThrow(/attributes/)
    expect(() => html`<${value}>x</p>`).toThrow(/written out/)
    expect(() => html`<p onclick="${value}">x</p>`).toThrow(/onclick/)
    expect(() => html`<p style="${value}">x</p>`).toThrow(/style/)
    expect(() => html`<script>${value}</script>`).toThrow(/active content/)
    expect(() => html`<p title='${value}'>x</p>`).toThrow(/double quotes/)
    expect(() => html`<p title="${html`<b>x</b>`}">x</p>`).toThrow(/markup/)
    expect(() => html`<p title="`).toThrow(/close/)
  })

  test('attributes are written only when they hold', () => {
    expect(String(html`<input${attributes({ checked: true, disabled: false, id: null, name: '"><' })}>`)).toBe(
      '<input checked name="&quot;&gt;&lt;">',
    )
    expect(() => attributes({ onclick: 'x' })).toThrow(/onclick/)
    expect(() => attributes({ 'a b': 'x' })).toThrow(/attribute name/)
  })
})
