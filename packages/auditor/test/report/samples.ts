import type { InventoryReport } from '#inventory/inventory-report.ts'
import type { AuditReport, Finding } from '#report/model.ts'

/** What a hostile server or file may be called: markup of every format that a report is printed in. */
export const HOSTILE_NAMES = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</title><script>alert(1)</script>',
  '</style><script>alert(1)</script>',
  ']]><evil/>',
  '<!-- --><evil>',
  '&lt;b&gt; &amp; &#x3c;',
  '`code` ``more`` ```all```',
  '``',
  '| a | b |',
  '[link](javascript:alert(1))',
  '![image](https://evil.example/x.png)',
  '[x]: https://evil.example',
  '@everybody #1 GH-1 owner/repo#2',
  'https://evil.example/ www.evil.example',
  '# heading',
  '- [ ] list',
  '<https://evil.example>',
  '$\\color{red}{x}$ :smile:',
  '\\`escaped\\` \\| \\',
  '${alert(1)} {{alert(1)}}',
  '\uFFFE\uFFFF',
] as const

const references: Finding['references'] = {
  clauses: [{ spec: 'RFC 9728', section: '3.3', url: 'https://www.rfc-editor.org/rfc/rfc9728#section-3.3' }],
  owaspMcp: ['MCP07'],
  owaspAgentic: ['ASI03'],
  owaspLlm: ['LLM06'],
  owaspNhi: ['NHI4'],
  cwe: ['CWE-287'],
  nist800207: ['2.1 tenet 6'],
}

export function finding(parts: Partial<Finding> = {}): Finding {
  return {
    code: 'token-validation.alg-none',
    verdict: 'fail',
    severity: 'critical',
    title: 'A token with alg none is accepted',
    detail: 'the server answered 200 with a result',
    why: 'Anybody can make a token.',
    fixes: [
      { stack: 'any', text: 'Allow the algorithms that you use.' },
      { stack: 'jose', text: "jwtVerify(token, key, {algorithms: ['ES256']})" },
    ],
    references,
    subject: { kind: 'server', url: 'https://a.example/mcp' },
    evidence: {
      exchanges: [
        {
          number: 3,
          label: 'token-validation.alg-none',
          request: {
            method: 'POST',
            url: 'https://a.example/mcp',
            headers: [['authorization', 'Bearer sha256:0123456789abcdef']],
            body: '{}',
          },
          response: {
            status: 200,
            headers: [['content-type', 'application/json']],
            body: '{"result":{}}',
            isCut: true,
          },
          failure: null,
          atMs: 10,
          durationMs: 5,
        },
      ],
      quote: null,
      reproduce: 'curl -H "Authorization: Bearer $TOKEN" https://a.example/mcp',
    },
    fingerprint: 'f'.repeat(32),
    isAccepted: false,
    ...parts,
  }
}

export function auditReport(parts: Partial<AuditReport> = {}): AuditReport {
  return {
    kind: 'audit',
    reportVersion: '1.0',
    rubric: '1',
    tool: { name: 'sallyport-audit', version: '0.1.0' },
    target: { url: 'https://a.example/mcp', name: 'notes' },
    startedAt: '2026-11-26T12:00:00.000Z',
    durationMs: 4200,
    access: 'none',
    mayWrite: false,
    requests: 41,
    outcome: 'audited',
    outcomeDetail: null,
    grade: {
      letter: 'F',
      score: 71.4,
      cap: 'F',
      cappedBy: ['token-validation.alg-none'],
      isProvisional: true,
      coverage: { tested: 6, whole: 4, of: 12, probesDecided: 40, probesThatApply: 90 },
    },
    checks: [
      {
        number: 8,
        slug: 'token-validation',
        title: 'Token validation',
        rationale: 'Forged tokens are refused.',
        clauses: [],
        weight: 12,
        verdict: 'fail',
        share: 0.5,
        probes: (['fail', 'pass', 'warn', 'inconclusive', 'not tested', 'not applicable'] as const).map(
          (verdict, at) => ({
            code: at === 0 ? 'token-validation.alg-none' : `token-validation.probe-${at}`,
            title: `probe ${at}`,
            verdict,
            detail: `detail ${at}`,
            era: at === 0 ? 'legacy' : null,
            exchanges: [],
          }),
        ),
      },
    ],
    findings: [finding()],
    notes: ['DPoP is supported'],
    observations: {
      eras: ['legacy'],
      protocolVersions: [],
      metadata: {},
      authorizationServers: [],
      scopes: [],
      tools: null,
    },
    baseline: null,
    ...parts,
  }
}

/** An inventory whose every text is the given one. */
export function inventoryOf(text: string): InventoryReport {
  return {
    kind: 'inventory',
    reportVersion: '1.0',
    tool: { name: 'sallyport-audit', version: '0.1.0' },
    takenAt: '2026-11-26T12:00:00.000Z',
    platform: 'linux',
    knownBadVersion: '2026-11-26',
    gateway: text,
    clients: [{ id: 'cursor', name: text, files: [text] }],
    servers: [
      {
        id: text,
        client: 'cursor',
        name: text,
        file: text,
        line: 3,
        transport: 'stdio',
        isEnabled: true,
        target: text,
        package: { ecosystem: 'npm', name: text, version: text, pin: 'tag' },
        environmentNames: [text],
        headerNames: [text],
        secrets: [{ kind: 'password', place: 'environment', name: text, hash: 'sha256:01234567', isCertain: true }],
        isBehindGateway: false,
        tools: {
          kind: 'listed',
          isComplete: true,
          tools: [
            {
              name: text,
              toolClass: 'destructive',
              risk: 'privileged',
              reasons: [text],
              parameters: 2,
              boundedParameters: 1,
              hasAnnotations: false,
              confirmation: 'none',
              outputSecrets: [],
            },
          ],
        },
      },
    ],
    problems: [{ client: 'cursor', file: text, problem: text }],
    findings: [
      finding({
        code: 'inventory.http-url',
        detail: text,
        subject: { kind: 'file', path: text, line: 3, server: text },
      }),
      finding({
        code: 'inventory.tool-unconstrained',
        severity: 'low',
        subject: { kind: 'tool', server: text, tool: text },
      }),
    ],
  }
}

/** An audit in which a hostile target says what it likes, wherever it is quoted. */
export function auditOf(text: string): AuditReport {
  const { checks } = auditReport()
  const said = finding({
    detail: text,
    subject: { kind: 'server', url: text },
    evidence: {
      quote: text,
      reproduce: text,
      exchanges: [
        {
          number: 1,
          label: text,
          request: { method: 'POST', url: text, headers: [[text, text]], body: text },
          response: { status: 200, headers: [[text, text]], body: text, isCut: false },
          failure: null,
          atMs: 0,
          durationMs: 1,
        },
      ],
    },
  })
  return auditReport({
    target: { url: text, name: text },
    outcomeDetail: text,
    notes: [text],
    findings: [said],
    checks: checks.map((check) => ({ ...check, probes: check.probes.map((probe) => ({ ...probe, detail: text })) })),
  })
}
