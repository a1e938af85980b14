import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { marked } from 'marked'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHtml } from '#report/to-html.ts'
import { toJunit } from '#report/to-junit.ts'
import { toMarkdown } from '#report/to-markdown.ts'
import { toSarif } from '#report/to-sarif.ts'
import { toTable } from '#report/to-table.ts'
import { launchChromium } from '../support/chromium.ts'
import { auditOf, auditReport, finding, HOSTILE_NAMES, inventoryOf } from './samples.ts'

let browser: Awaited<ReturnType<typeof launchChromium>>
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser.close())

describe('SARIF 2.1.0', () => {
  const file = new URL('fixtures/sarif-schema-2.1.0.json', import.meta.url)
  const schema = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  // The schema is of draft 4, of which it uses nothing that later drafts changed but the name of `id`.
  const ajv = new Ajv({ strict: false, allErrors: true })
  addFormats.default(ajv)
  const validate = ajv.compile(
    Object.fromEntries(Object.entries(schema).filter(([key]) => key !== 'id' && key !== '$schema')),
  )
  const expectValid = (sarif: unknown): void => {
    const isValid = validate(JSON.parse(JSON.stringify(sarif)))
    expect(validate.errors ?? []).toEqual([])
    expect(isValid).toBe(true)
  }

  test('the schema refuses what is no SARIF', () => {
    expect(validate({ version: '2.1.0', runs: [{ tool: {} }] })).toBe(false)
    expect(
      validate({
        version: '2.1.0',
        runs: [{ tool: { driver: { name: 'x' } }, results: [{ level: 'bad', message: { text: 'x' } }] }],
      }),
    ).toBe(false)
  })

  test.each(['plain', ...HOSTILE_NAMES])('reports in which everything is called %j are valid', (text) => {
    expectValid(toSarif([inventoryOf(text), auditOf(text), auditReport({ findings: [] })]))
    expectValid(toSarif([auditReport({ outcome: 'unreachable', outcomeDetail: 'connection refused', findings: [] })]))
    expectValid(toSarif([]))
  })

  test('a finding has its rule, level, severity, fingerprint, taxonomies and place', () => {
    const sarif = toSarif([auditReport({ findings: [finding(), finding({ severity: 'low', isAccepted: true })] })])
    expect(sarif).toMatchObject({
      runs: [
        {
          tool: {
            driver: {
              name: 'sallyport-audit',
              rules: [
                {
                  id: 'token-validation.alg-none',
                  helpUri: 'https://www.rfc-editor.org/rfc/rfc9728#section-3.3',
                  help: {
                    text: "Allow the algorithms that you use.\njose: jwtVerify(token, key, {algorithms: ['ES256']})",
                  },
                  properties: { 'security-severity': '9.5', tags: ['security', 'external/cwe/cwe-287'] },
                },
              ],
            },
          },
          results: [
            {
              ruleId: 'token-validation.alg-none',
              ruleIndex: 0,
              level: 'error',
              partialFingerprints: { 'sallyport/v1': 'f'.repeat(32) },
              suppressions: [],
              locations: [{ physicalLocation: { artifactLocation: { uri: 'mcp/https%3A%2F%2Fa.example%2Fmcp' } } }],
            },
            { level: 'note', suppressions: [{ kind: 'external' }] },
          ],
        },
      ],
    })
    expect((sarif as { runs: { taxonomies: unknown }[] }).runs[0]?.taxonomies).toEqual(
      expect.arrayContaining([
        { name: 'CWE', taxa: [{ id: 'CWE-287' }] },
        { name: 'OWASP MCP Top 10', taxa: [{ id: 'MCP07' }] },
      ]),
    )
  })

  test.each([
    ['~/.cursor/mcp.json', { uri: '.cursor/mcp.json', uriBaseId: 'HOME' }],
    ['.vscode/mcp.json', { uri: '.vscode/mcp.json' }],
    ['/etc/codex/config.toml', { uri: 'file:///etc/codex/config.toml' }],
    ['C:/ProgramData/x y/m.json', { uri: 'file:///C:/ProgramData/x%20y/m.json' }],
    ['a#b?c%20/d.json', { uri: 'a%23b%3Fc%2520/d.json' }],
  ])('the file %s is %j', (path, artifactLocation) => {
    const report = {
      ...inventoryOf('x'),
      findings: [finding({ subject: { kind: 'file', path, line: 7, server: null } })],
    }
    expect(toSarif([report])).toMatchObject({
      runs: [{ results: [{ locations: [{ physicalLocation: { artifactLocation, region: { startLine: 7 } } }] }] }],
    })
  })
})

/** What Chromium's XML parser, which gives up at the first mistake, makes of a text. */
async function parseXml(
  xml: string,
): Promise<{ error: string | null; elements: string[]; suites: Record<string, string>[]; texts: string[] }> {
  const page = await browser.context.newPage()
  try {
    return await page.evaluate(
      `(() => {
        const parsed = new DOMParser().parseFromString(${JSON.stringify(xml)}, 'text/xml')
        const attributes = (element) => Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]))
        return {
          error: parsed.querySelector('parsererror')?.textContent ?? null,
          elements: [...new Set([...parsed.querySelectorAll('*')].map(({ nodeName }) => nodeName))].sort(),
          suites: [...parsed.querySelectorAll('testsuite')].map(attributes),
          texts: [...parsed.querySelectorAll('failure, error')].map((one) => one.getAttribute('message')),
        }
      })()`,
    )
  } finally {
    await page.close()
  }
}

describe('JUnit XML', () => {
  test('each probe is a test: failed, not decided and not tested are told apart', async () => {
    const { error, suites, elements } = await parseXml(toJunit([auditReport()]))
    expect(error).toBeNull()
    expect(elements).toEqual(['error', 'failure', 'skipped', 'system-out', 'testcase', 'testsuite', 'testsuites'])
    expect(suites).toEqual([
      {
        name: 'https://a.example/mcp',
        tests: '6',
        failures: '1',
        errors: '1',
        skipped: '2',
        time: '4.200',
        timestamp: '2026-11-26T12:00:00.000Z',
      },
    ])
  })

  test('an accepted finding does not fail, an unreachable target does', async () => {
    const accepted = await parseXml(toJunit([auditReport({ findings: [finding({ isAccepted: true })] })]))
    expect(accepted.suites[0]).toMatchObject({ failures: '0', errors: '1' })
    const unreachable = await parseXml(
      toJunit([auditReport({ outcome: 'unreachable', outcomeDetail: 'refused', checks: [] })]),
    )
    expect(unreachable.suites[0]).toMatchObject({ tests: '1', errors: '1' })
  })

  test('each server of an inventory is a test, each unreadable file an error', async () => {
    const { suites } = await parseXml(toJunit([inventoryOf('a')]))
    expect(suites[0]).toMatchObject({ tests: '2', failures: '1', errors: '1' })
  })

  test.each(HOSTILE_NAMES)('nothing is made of %j', async (text) => {
    const { error, elements, texts } = await parseXml(toJunit([inventoryOf(text), auditOf(text)]))
    expect(error).toBeNull()
    expect(
      elements.filter((name) => !/^(?:testsuites|testsuite|testcase|failure|error|skipped|system-out)$/.test(name)),
    ).toEqual([])
    const kept = text.replace(/[\uFFFE\uFFFF]/g, '\uFFFD')
    expect(texts.filter((message) => message.includes(kept)).length).toBeGreaterThan(2)
  })
})

describe('Markdown', () => {
  const ALLOWED = /^<\/?(?:h2|h3|ul|li|p|code|strong|table|thead|tbody|tr|th|td|hr)>$/

  test.each(HOSTILE_NAMES)('nothing is made of %j', async (text) => {
    const html = await marked.parse(toMarkdown([inventoryOf(text), auditOf(text)]), { gfm: true })
    expect((html.match(/<[^>]*>/g) ?? []).filter((tag) => !ALLOWED.test(tag))).toEqual([])
    // What stands outside of code is ours: neither a mention nor an address is left for a forge to link.
    const outside = html.replace(/<code>.*?<\/code>/gs, '')
    expect(outside).not.toMatch(/evil|alert|@everybody|everybody/)
    expect(outside).not.toContain('`')
  })

  test('tables keep their columns whatever stands in a cell', async () => {
    for (const text of HOSTILE_NAMES) {
      const html = await marked.parse(toMarkdown([inventoryOf(text)]), { gfm: true })
      const rows = (html.match(/<tr>.*?<\/tr>/gs) ?? []).map((row) => (row.match(/<t[hd]>/g) ?? []).length)
      expect(rows, text).toEqual([8, 8, 7, 7, 3, 3])
    }
  })

  test('a report says the grade, the checks, and each finding with its fix', () => {
    const markdown = toMarkdown([auditReport()])
    for (const part of [
      'F* (71 of 100), capped at F by token-validation.alg-none',
      'Token validation',
      'A token with alg none is accepted',
      'jwtVerify',
      'MCP07',
      'DPoP is supported',
    ])
      expect(markdown).toContain(part)
  })

  test('an endless report is cut, and says so', () => {
    const findings = Array.from({ length: 500 }, () => finding())
    expect(toMarkdown([auditReport({ findings })])).toContain('300 more are in the JSON report.')
  })
})

describe('HTML', () => {
  /** The page as a browser has it: what it loads, what it runs, what is in it that we did not put there. */
  async function open(html: string) {
    const page = await browser.context.newPage()
    const requests: string[] = []
    const dialogs: string[] = []
    const errors: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message())
      void dialog.dismiss()
    })
    page.on('console', (message) => errors.push(message.text()))
    await page.route('http://report.test/', (route) => route.fulfill({ contentType: 'text/html', body: html }))
    await page.goto('http://report.test/', { waitUntil: 'load' })
    return { page, requests, dialogs, errors }
  }

  test.each(HOSTILE_NAMES)('nothing is made of %j', async (text) => {
    const { page, requests, dialogs, errors } = await open(toHtml([inventoryOf(text), auditOf(text)]))
    const seen = await page.evaluate(`({
      foreign: [...document.querySelectorAll('script, img, iframe, object, embed, svg, form, input, link, base, evil, b')].map((e) => e.outerHTML),
      handlers: [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => a.name.startsWith('on')).length,
      links: [...new Set([...document.querySelectorAll('[href], [src]')].map((e) => e.getAttribute('href') ?? e.getAttribute('src')))],
      text: document.body.textContent,
    })`)
    await page.close()
    expect(seen).toMatchObject({
      foreign: [],
      handlers: 0,
      links: ['#findings-1', 'https://www.rfc-editor.org/rfc/rfc9728#section-3.3'],
    })
    expect((seen as { text: string }).text).toContain(text)
    expect([requests, dialogs, errors]).toEqual([['http://report.test/'], [], []])
  })

  test('markup that got in by a mistake could neither run nor load: the policy of the file itself says so', async () => {
    const broken = toHtml([inventoryOf('x')]).replace(
      '<main>',
      '<main><script>document.title = "run"</script><img src="http://evil.test/x" onerror="document.title = \'run\'"><style>main{display:none}</style><form action="http://evil.test/"></form>',
    )
    const reached: string[] = []
    await browser.context.route('http://evil.test/**', (route) => {
      reached.push(route.request().url())
      return route.abort()
    })
    const { page } = await open(broken)
    expect(await page.title()).not.toBe('run')
    expect(reached).toEqual([])
    expect(await page.evaluate(`getComputedStyle(document.querySelector('main')).display`)).not.toBe('none')
    // And the file's own style is not refused with it.
    expect(await page.evaluate(`getComputedStyle(document.querySelector('.facts')).display`)).toBe('grid')
    await page.close()
  })

  test.each(['light', 'dark'] as const)(
    'is readable in the %s scheme, by keyboard and on a narrow screen',
    async (colorScheme) => {
      const { page } = await open(toHtml([auditReport(), inventoryOf('~/.cursor/mcp.json and more words')]))
      await page.emulateMedia({ colorScheme })
      const axe = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
      // The policy of the page forbids scripts, the debugger's evaluation is not one.
      await page.evaluate(axe)
      const violations = await page.evaluate(
        `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(({ violations, passes }) => ({
        violations: violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' | ')),
        hasLooked: passes.length > 10,
      }))`,
      )
      expect(violations).toEqual({ violations: [], hasLooked: true })
      await page.setViewportSize({ width: 320, height: 640 })
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
      await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement.className')).toBe('skip')
      await page.keyboard.press('Enter')
      expect(await page.evaluate('location.hash')).toBe('#findings-1')
      await page.close()
    },
  )

  test('background and ink follow the scheme', async () => {
    const { page } = await open(toHtml([auditReport()]))
    const paper = async (colorScheme: 'light' | 'dark'): Promise<unknown> => {
      await page.emulateMedia({ colorScheme })
      return page.evaluate('getComputedStyle(document.body).backgroundColor')
    }
    expect(await paper('light')).toBe('rgb(255, 255, 255)')
    expect(await paper('dark')).toBe('rgb(20, 23, 26)')
    await page.close()
  })
})

test('a table for terminals tells the same, and cuts what is too wide', () => {
  const table = toTable([auditReport(), inventoryOf('x'.repeat(300))])
  expect(table).toContain('Grade     F* (71 of 100), capped at F by token-validation.alg-none')
  expect(table).toContain('CRITICAL  A token with alg none is accepted')
  const rows = table.split('\n').filter((line) => line.includes('xxx…'))
  expect(rows.length).toBeGreaterThan(2)
})
