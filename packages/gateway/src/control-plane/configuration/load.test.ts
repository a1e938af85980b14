import { chmodSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { asServerId } from '#core/ids.ts'
import { type LoadOptions, loadConfiguration } from './load.ts'
import { printProblem } from './problem.ts'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-config-')))
})

function write(name: string, content: string | Uint8Array, mode = 0o600): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  chmodSync(file, mode)
  return file
}

async function load(yaml: string | Uint8Array, more: Partial<LoadOptions> = {}) {
  const file = write('sallyport.yaml', yaml)
  return loadConfiguration({ file, env: {}, stateDir: join(folder, 'var'), execPath: '/opt/node', ...more })
}

/** `line:column path: problem instead`, without the file. */
async function problemsOf(yaml: string | Uint8Array, more: Partial<LoadOptions> = {}): Promise<string[]> {
  const loaded = await load(yaml, more)
  return loaded.ok ? [] : loaded.refusal.map((problem) => printProblem(problem).replace(`${folder}/sallyport.yaml`, ''))
}

async function warningsOf(yaml: string, more: Partial<LoadOptions> = {}): Promise<string[]> {
  const loaded = await load(yaml, more)
  if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
  return loaded.value.warnings.map((problem) => printProblem(problem).replace(`${folder}/sallyport.yaml`, ''))
}

const SERVER = 'servers:\n  files:\n    stdio: { command: node, args: [server.js] }\n'

describe('a configuration', () => {
  it('becomes a whole snapshot with defaults', async () => {
    const loaded = await load(`version: 1\n${SERVER}`)
    expect(loaded.ok).toBe(true)
    if (!loaded.ok) return
    const { snapshot, listen, tls, files, warnings } = loaded.value
    expect(warnings).toEqual([])
    expect(listen).toEqual({ host: '127.0.0.1', port: 8700 })
    expect(tls).toBeNull()
    expect(files).toEqual([join(folder, 'sallyport.yaml')])
    expect(snapshot.version).toMatch(/^[0-9a-f]{64}$/)
    expect(snapshot.publicUrl).toBe('http://127.0.0.1:8700')
    expect(snapshot.isLoopback).toBe(true)
    expect(snapshot.registration).toEqual({
      mode: 'open',
      clientsMax: 1000,
      perAddressPerHour: 60,
      metadataDocuments: true,
      documentHosts: { allow: [], deny: [] },
      perHour: 600,
      unusedDays: 90,
      statements: [],
    })
    expect(snapshot.lifetimes).toEqual({
      accessTokenSeconds: 1800,
      refreshTokenSeconds: 28800,
      loginSessionSeconds: 28800,
    })
    expect(snapshot.signing).toEqual({
      rotateSeconds: 2_592_000,
      publishAheadSeconds: 900,
      algorithms: new Set(['ES256']),
    })
    expect(snapshot.servers.get(asServerId('files'))).toEqual({
      id: 'files',
      title: 'files',
      description: '',
      resource: 'http://127.0.0.1:8700/mcp/files',
      upstream: { kind: 'stdio', command: '/opt/node', args: ['server.js'], env: new Map(), cwd: folder },
      baselineClasses: ['read'],
      toolClasses: new Map(),
      toolTiers: new Map(),
      toolScopes: new Set(),
      external: null,
      tokenAlgorithm: 'ES256',
      limits: {
        requestBytesMax: 4194304,
        responseBytesMax: 16777216,
        callTimeoutSeconds: 60,
        sessionsPerSubjectMax: 8,
        idleSeconds: 900,
      },
    })
    expect([...snapshot.roles.keys()]).toEqual(['operator', 'user', 'auditor', 'approver'])
    expect([...(snapshot.roles.get('user')?.allow.get('*') ?? [])]).toEqual(['read', 'write', 'send'])
  })

  it('moves a loopback publicUrl with --port, and leaves a public one alone', async () => {
    const local = await load(`version: 1\n${SERVER}`, { port: 9100 })
    expect(local.ok && local.value.snapshot.publicUrl).toBe('http://127.0.0.1:9100')
    expect(local.ok && local.value.listen.port).toBe(9100)
    const open = await load(
      `version: 1\ngateway: { publicUrl: https://mcp.example.com, trustedProxies: [10.0.0.1] }\n${SERVER}`,
      { port: 9100 },
    )
    expect(open.ok && open.value.snapshot.publicUrl).toBe('https://mcp.example.com')
    expect(open.ok && open.value.listen.port).toBe(9100)
    expect(open.ok && open.value.snapshot.registration.mode).toBe('approval')
  })

  it('resolves references in environment and headers, and never prints them', async () => {
    write('token', 'from-a-file\n')
    const loaded = await load(
      [
        'version: 1',
        'servers:',
        '  one:',
        '    stdio:',
        '      command: ./bin/server',
        `      env: { A: "\${env:OUTSIDE}", B: "\${file:token}", C: "\${userDir}/memory.json", D: plain, URL: "x:\${file:token}@h" }`,
        '  two:',
        '    http:',
        '      url: https://up.example.com/mcp',
        `      headers: { Authorization: "Bearer \${file:token}", X-Key: "\${env:OUTSIDE}" }`,
      ].join('\n'),
      { env: { OUTSIDE: 'from-outside' } },
    )
    if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
    const one = loaded.value.snapshot.servers.get(asServerId('one'))?.upstream
    const two = loaded.value.snapshot.servers.get(asServerId('two'))?.upstream
    if (one?.kind !== 'stdio' || two?.kind !== 'http') throw new Error('wrong kinds')
    expect(one.command).toBe(join(folder, 'bin/server'))
    const plain = [...one.env].map(([name, value]) => [name, typeof value === 'string' ? value : value.reveal()])
    expect(Object.fromEntries(plain)).toEqual({
      A: 'from-outside',
      B: 'from-a-file',
      C: `\${userDir}/memory.json`,
      D: 'plain',
      URL: 'x:from-a-file@h',
    })
    expect(two.headers.get('Authorization')?.reveal()).toBe('Bearer from-a-file')
    expect(JSON.stringify([...one.env, ...two.headers])).not.toContain('from-')
    expect(loaded.value.files).toContain(join(folder, 'token'))
  })
})

describe('a bad configuration is refused with line, column and what to write', () => {
  const TABLE: readonly (readonly [string, string, readonly string[]])[] = [
    ['a missing version', SERVER, [':1:1: version: `version` is missing. Write `1`.']],
    ['another version', `version: 2\n${SERVER}`, [':1:10: version: `2` is not allowed here. Write `1`.']],
    [
      'an unknown key, with the one that was meant',
      `version: 1\ngateway:\n  publicURL: http://127.0.0.1:8700\n${SERVER}`,
      [':3:3: gateway.publicURL: Unknown key `publicURL`. Did you mean `publicUrl`?'],
    ],
    [
      'an unknown key deep inside',
      'version: 1\nservers:\n  files:\n    stdio:\n      command: node\n      arguments: []\n',
      [':6:7: servers.files.stdio.arguments: Unknown key `arguments`. Known here: command, args, env, cwd.'],
    ],
    [
      'a key that would forward the caller',
      'version: 1\nservers:\n  up:\n    http:\n      url: https://up.example.com/mcp\n      forwardAuthorization: true\n',
      [
        ':6:7: servers.up.http.forwardAuthorization: Unknown key `forwardAuthorization`. Known here: url, headers, network.',
      ],
    ],
    ['a duplicate key', `version: 1\nversion: 1\n${SERVER}`, [':2:1: This key is here twice. Keep one of the two.']],
    [
      'a broken line',
      'version: 1\nservers: {\n',
      [':3:1: YAML syntax: Flow map in block collection must be sufficiently indented and end with a }.'],
    ],
    ['a tab', 'version: 1\ngateway:\n\tpublicUrl: x\n', [':3:1: A tab indents this line. Indent with spaces.']],
    [
      'an unknown tag',
      'version: !!js/function 1\n',
      [':1:10: YAML syntax: Unresolved tag: tag:yaml.org,2002:js/function.'],
    ],
    ['an empty file', '# nothing\n', [': The file is empty. Run `sallyport init` for a start.']],
    ['a wrong type', 'version: 1\nservers: []\n', [':2:1: servers: This must be a block of keys. It is a list.']],
    [
      'a value left empty',
      'version: 1\nservers:\n  files:\n',
      [':3:3: servers.files: This must be a block of keys. It is empty: fill it in or remove the key.'],
    ],
    [
      'a tool class nobody knows',
      'version: 1\nservers:\n  files:\n    stdio: { command: node }\n    baseline: [reed]\n',
      [
        ':5:16: servers.files.baseline.0: `reed` is not allowed here. Did you mean `read`? Allowed: `read`, `write`, `send`, `destructive`, `execute`, `financial`, `admin`.',
      ],
    ],
    [
      'a server id that cannot be part of a URL',
      'version: 1\nservers:\n  My_Files:\n    stdio: { command: node }\n',
      [':3:3: servers.My_Files: `My_Files` cannot be a name here. Server ids are 1 to 63 of a-z, 0-9 and -.'],
    ],
    [
      'a server with the id of the admin API',
      'version: 1\nservers:\n  api:\n    stdio: { command: node }\n',
      [
        ':3:3: servers.api: This id is taken: the scopes `api:read` and `api:write` are those of the gateway’s own admin API. Choose another id.',
      ],
    ],
    [
      'a server reached in two ways',
      'version: 1\nservers:\n  a:\n    stdio: { command: node }\n    http: { url: https://up.example.com }\n',
      [':5:5: servers.a.http: A server has either `stdio` or `http`. Keep one of the two.'],
    ],
    [
      'a server reached in none',
      'version: 1\nservers:\n  a: { title: A }\n',
      [':3:3: servers.a: This server has neither `stdio` nor `http`. Write one: how is it reached?'],
    ],
    [
      'plain http beyond loopback',
      `version: 1\ngateway:\n  publicUrl: http://mcp.example.com\n${SERVER}`,
      [
        ':3:14: gateway.publicUrl: Plain http is for loopback only: tokens would cross the network in the clear. Write https://mcp.example.com and configure `tls` or a proxy.',
      ],
    ],
    [
      'a publicUrl with a path',
      `version: 1\ngateway:\n  publicUrl: http://127.0.0.1:8700/\n${SERVER}`,
      [':3:14: gateway.publicUrl: This must be an origin alone. Write http://127.0.0.1:8700'],
    ],
    [
      'listening everywhere in plain text',
      `version: 1\ngateway:\n  listen:\n    host: 0.0.0.0\n${SERVER}`,
      [
        ':4:11: gateway.listen.host: Beyond loopback, tokens would cross the network in the clear. Configure `gateway.tls`, or list the proxy that ends TLS in `gateway.trustedProxies`, or listen on 127.0.0.1.',
      ],
    ],
    [
      'open registration beyond loopback',
      `version: 1\ngateway: { publicUrl: https://mcp.example.com, trustedProxies: [10.0.0.1] }\nregistration:\n  mode: open\n${SERVER}`,
      [
        ':4:9: registration.mode: `open` lets anybody on the network become a client; it is for loopback only. Write `approval`, and let clients in with `sallyport client approve`.',
      ],
    ],
    [
      'a proxy block that is everybody',
      `version: 1\ngateway:\n  trustedProxies: [0.0.0.0/0, 10.0.0.0/33, proxy]\n${SERVER}`,
      [
        ':3:20: gateway.trustedProxies.0: This believes everybody who claims to be a proxy. Write the addresses of your proxies.',
        ':3:31: gateway.trustedProxies.1: This is neither an IP address nor a CIDR block. Write 10.0.0.5 or 10.0.0.0/24.',
        ':3:44: gateway.trustedProxies.2: This is neither an IP address nor a CIDR block. Write 10.0.0.5 or 10.0.0.0/24.',
      ],
    ],
    [
      'a wildcard origin',
      `version: 1\ngateway:\n  allowedOrigins: ["*", https://app.example.com/, http://app.example.com]\n${SERVER}`,
      [
        ':3:20: gateway.allowedOrigins.0: This is not an origin; there is no wildcard. Write one origin such as https://app.example.com.',
        ':3:25: gateway.allowedOrigins.1: This must be an origin alone. Write https://app.example.com',
        ':3:51: gateway.allowedOrigins.2: Anybody on the network path can be a plain http origin. Write its https origin.',
      ],
    ],
    [
      'an access token of an hour',
      `version: 1\nlifetimes:\n  accessTokenSeconds: 3600\n${SERVER}`,
      [':3:23: lifetimes.accessTokenSeconds: This is too large. Write at most 1800.'],
    ],
    [
      'a refresh family that outlives the login',
      `version: 1\nlifetimes: { refreshTokenSeconds: 14400, loginSessionSeconds: 3600 }\n${SERVER}`,
      [
        ':2:35: lifetimes.refreshTokenSeconds: Nothing outlives the login that allowed it. Write at most 3600, or a longer `loginSessionSeconds`.',
      ],
    ],
    [
      'a role for a server that is not there',
      `version: 1\nroles:\n  dev:\n    admin: operator\n    allow:\n      flies: [read]\n${SERVER}`,
      [':6:7: roles.dev.allow.flies: There is no server `flies`. Did you mean `files`?'],
    ],
    [
      'a literal secret by its form',
      `version: 1\nservers:\n  a:\n    stdio:\n      command: node\n      env:\n        SETTING: ghp_${'a1B2'.repeat(9)}\n`,
      [
        ':7:18: servers.a.stdio.env.SETTING: This is a literal secret. Write `${file:path}` (a file that others cannot read) or `${env:NAME}`.',
      ],
    ],
    [
      'a literal secret by its name',
      'version: 1\nservers:\n  a:\n    stdio:\n      command: node\n      env:\n        DB_PASSWORD: hunter2\n',
      [
        ':7:22: servers.a.stdio.env.DB_PASSWORD: This is a literal secret. Write `${file:path}` (a file that others cannot read) or `${env:NAME}`.',
      ],
    ],
    [
      'a literal secret among arguments',
      'version: 1\nservers:\n  a:\n    stdio:\n      command: node\n      args: [--api-key, abc123, --verbose]\n',
      [
        ':6:25: servers.a.stdio.args.1: This argument holds a literal secret. Hand it over in `env`. Write `${file:path}` (a file that others cannot read) or `${env:NAME}`.',
      ],
    ],
    [
      'a secret handed over as an argument',
      `version: 1\nservers:\n  a:\n    stdio:\n      command: node\n      args: ["\${env:TOKEN}"]\n`,
      [':6:14: servers.a.stdio.args.0: Everybody on this machine can see arguments. Hand the secret over in `env`.'],
    ],
    [
      'a literal header',
      'version: 1\nservers:\n  a:\n    http:\n      url: https://up.example.com/mcp\n      headers: { Authorization: Bearer abc }\n',
      [
        ':6:33: servers.a.http.headers.Authorization: A header value is one reference, nothing else. Write `${file:path}`, `${env:NAME}`, or `Bearer ${file:path}`.',
      ],
    ],
    [
      "a reference to the caller's credential, which does not exist",
      `version: 1\nservers:\n  a:\n    http:\n      url: https://up.example.com/mcp\n      headers: { Authorization: "\${request:authorization}" }\n`,
      [
        ':6:33: servers.a.http.headers.Authorization: A header value is one reference, nothing else. Write `${file:path}`, `${env:NAME}`, or `Bearer ${file:path}`.',
      ],
    ],
    [
      'a header that is ours to set',
      `version: 1\nservers:\n  a:\n    http:\n      url: https://up.example.com/mcp\n      headers: { Mcp-Session-Id: "\${env:HOME}" }\n`,
      [':6:18: servers.a.http.headers.Mcp-Session-Id: The gateway sets this header itself. Remove it.'],
    ],
    [
      'a credential in a URL',
      'version: 1\nservers:\n  a:\n    http:\n      url: https://me:pass@up.example.com/mcp\n',
      [
        ':5:12: servers.a.http.url: A URL is no place for a credential. Write it as `headers: { Authorization: "Bearer ${file:…}" }`.',
      ],
    ],
    [
      'plain http to a public host',
      'version: 1\nservers:\n  a:\n    http:\n      url: http://up.example.com/mcp\n',
      [
        ':5:12: servers.a.http.url: Plain http over a public network shows our credential. Write https, or `network: loopback`.',
      ],
    ],
    [
      'an environment variable that is not set',
      `version: 1\nservers:\n  a:\n    stdio:\n      command: node\n      env: { K: "\${env:NOT_SET}" }\n`,
      [':6:17: servers.a.stdio.env.K: The environment has no NOT_SET. Set it, or write `${file:path}`.'],
    ],
    [
      'a reference of unknown kind',
      `version: 1\nservers:\n  a:\n    stdio:\n      command: node\n      env: { K: "\${vault:kv/x}" }\n`,
      [
        ':6:17: servers.a.stdio.env.K: `${vault…}` is not a reference. Known: `${env:NAME}`, `${file:path}`, `${userDir}`.',
      ],
    ],
    [
      'a secret file that is missing',
      `version: 1\nservers:\n  a:\n    stdio:\n      command: node\n      env: { K: "\${file:gone}" }\n`,
      [':6:17: servers.a.stdio.env.K: gone: There is no such file.'],
    ],
    [
      'certificate files that are missing',
      `version: 1\ngateway:\n  publicUrl: https://mcp.example.com\n  tls:\n    certificateFile: a.pem\n    privateKeyFile: b.pem\n${SERVER}`,
      [
        ':5:22: gateway.tls.certificateFile: There is no such file.',
        ':6:21: gateway.tls.privateKeyFile: There is no such file.',
      ],
    ],
  ]

  it.each(TABLE)('%s', async (_name, yaml, expected) => {
    expect(await problemsOf(yaml, { env: { HOME: '/root', TOKEN: 'x' } })).toEqual(expected)
  })

  it('a file that is not there, not a file, not text or far too large', async () => {
    const missing = await loadConfiguration({ file: join(folder, 'none.yaml'), env: {}, stateDir: folder })
    expect(missing.ok ? [] : missing.refusal.map(printProblem)).toEqual([`${folder}/none.yaml: There is no such file.`])
    const directory = await loadConfiguration({ file: folder, env: {}, stateDir: folder })
    expect(directory.ok ? [] : directory.refusal.map(printProblem)).toEqual([`${folder}: This is not a file.`])
    expect(await problemsOf(new Uint8Array([0xff, 0xfe, 0x41]))).toEqual([
      ': The file is not valid UTF-8. Save it as UTF-8.',
    ])
    expect(await problemsOf(`# ${'x'.repeat(1024 * 1024)}`)).toEqual([': The file is larger than 1048576 bytes.'])
  })

  it('aliases that expand without end', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 9; level += 1)
      lines.push(
        `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      )
    expect(await problemsOf(lines.join('\n'))).toEqual([
      ': Aliases (*name) expand to more than 100 copies. Write the values out.',
    ])
  })

  it('a secret file that everybody can read', async () => {
    write('token', 'value', 0o644)
    const yaml = `version: 1\nservers:\n  a:\n    stdio:\n      command: node\n      env: { K: "\${file:token}" }\n`
    expect(await problemsOf(yaml)).toEqual([
      ':6:17: servers.a.stdio.env.K: token: Everybody on this machine may read the file. Run `chmod o-rwx` on it.',
    ])
  })

  it('a secret with a line break cannot become two headers', async () => {
    write('token', 'one\r\nX-Evil: two')
    const yaml = `version: 1\nservers:\n  a:\n    http:\n      url: https://up.example.com\n      headers: { X-Key: "\${file:token}" }\n`
    expect(await problemsOf(yaml)).toEqual([
      ':6:25: servers.a.http.headers.X-Key: The referenced secret has characters that a header cannot carry.',
    ])
  })

  it('every problem of a file at once, in its order', async () => {
    const yaml = `version: 1\nregistration: { mode: opne, clientsMax: 0 }\nsrvers: {}\n`
    const problems = await problemsOf(yaml)
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([':2:23:', ':2:41:', ':3:1:'])
  })
})

describe('a doubtful configuration warns', () => {
  it('about secrets in the environment beyond loopback, and only there', async () => {
    const server = `servers:\n  a:\n    stdio:\n      command: node\n      env: { K: "\${env:KEY_FROM_OUTSIDE}" }\n`
    const env = { KEY_FROM_OUTSIDE: 'x' }
    expect(await warningsOf(`version: 1\n${server}`, { env })).toEqual([])
    expect(
      await warningsOf(
        `version: 1\ngateway: { publicUrl: https://mcp.example.com, trustedProxies: [10.0.0.1] }\n${server}`,
        { env },
      ),
    ).toEqual([
      ':7:17: servers.a.stdio.env.K: A secret in the environment is seen by child processes and crash dumps. Prefer `${file:path}`.',
    ])
  })

  it('about no servers, no operator and dangerous options, which are named in the snapshot', async () => {
    const yaml = `version: 1\ngateway:\n  listen: { host: 0.0.0.0 }\n  dangerouslyListenBeyondLoopbackWithoutTls: true\nroles: { reader: { allow: {} } }\n`
    expect((await warningsOf(yaml)).map((warning) => warning.split(': ')[1])).toEqual([
      'servers',
      'gateway.listen.host',
      'roles',
    ])
    const loaded = await load(yaml)
    expect(loaded.ok && loaded.value.snapshot.dangerousOptions).toEqual([
      'gateway.dangerouslyListenBeyondLoopbackWithoutTls',
    ])
  })
})

describe('what is fixed since the start', () => {
  const storePlace = 'SQLite in the state folder'

  it('cannot loosen a rule before the restart', async () => {
    const fixed = {
      publicUrl: 'https://mcp.example.com',
      listenHost: '127.0.0.1',
      listenPort: 8700,
      hasTls: false,
      storePlace,
    }
    const yaml = `version: 1\ngateway: { publicUrl: http://127.0.0.1:8700, trustedProxies: [127.0.0.1] }\nregistration: { mode: open }\n${SERVER}`
    expect((await problemsOf(yaml, { fixed })).map((problem) => problem.split(': ')[1])).toEqual(['registration.mode'])
  })

  it('keeps its value and says so', async () => {
    const fixed = {
      publicUrl: 'http://127.0.0.1:8700',
      listenHost: '127.0.0.1',
      listenPort: 8700,
      hasTls: false,
      storePlace,
    }
    const loaded = await load(`version: 1\ngateway: { publicUrl: http://127.0.0.1:9000 }\n${SERVER}`, { fixed })
    if (!loaded.ok) throw new Error('refused')
    expect(loaded.value.snapshot.servers.get(asServerId('files'))?.resource).toBe('http://127.0.0.1:8700/mcp/files')
    expect(loaded.value.listen.port).toBe(8700)
    expect(loaded.value.warnings.map((warning) => [warning.path, warning.problem])).toContainEqual([
      'gateway.publicUrl',
      'This changed, but holds only after a restart.',
    ])
  })
})

describe('who may register', () => {
  const KEY = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }
  const withRegistration = (registration: unknown) =>
    JSON.stringify({ version: 1, registration, servers: { files: { stdio: { command: 'node' } } } })
  const issuer = (more: Record<string, unknown>) => ({ statements: [{ issuer: 'https://vendor.example', ...more }] })

  it('is in the snapshot, issuers with their keys', async () => {
    const loaded = await load(
      withRegistration({
        mode: 'statement',
        statements: [
          { issuer: 'https://a.example', jwks: [KEY], clientsMax: 5 },
          { issuer: 'https://b.example', jwksUri: 'http://127.0.0.1:9000/keys', network: 'loopback' },
        ],
        documentHosts: { allow: ['*.example.com', 'claude.ai'], deny: ['bad.example.com'] },
        unusedDays: 0,
      }),
    )
    if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
    expect(loaded.value.snapshot.registration).toMatchObject({
      mode: 'statement',
      unusedDays: 0,
      documentHosts: { allow: ['*.example.com', 'claude.ai'], deny: ['bad.example.com'] },
      statements: [
        { issuer: 'https://a.example', keys: { kind: 'jwks', jwks: [KEY] }, clientsMax: 5 },
        {
          issuer: 'https://b.example',
          keys: { kind: 'jwksUri', jwksUri: 'http://127.0.0.1:9000/keys', network: 'loopback' },
          clientsMax: 100,
        },
      ],
    })
  })

  it.each([
    [issuer({}), 'An issuer has either `jwks` or `jwksUri`.'],
    [issuer({ jwks: [KEY], jwksUri: 'https://vendor.example/k' }), 'An issuer has either `jwks` or `jwksUri`.'],
    [issuer({ jwks: [{ ...KEY, d: 'x' }] }), 'This is not a public key.'],
    [issuer({ jwks: [{ kty: 'oct', k: 'x' }] }), 'This is not a public key.'],
    [issuer({ jwksUri: 'http://vendor.example/k' }), 'Whoever is on the way could replace these keys.'],
    [issuer({ jwksUri: 'http://10.0.0.1/k', network: 'private' }), 'Whoever is on the way could replace these keys.'],
    [issuer({ jwksUri: 'file:///etc/keys' }), 'Whoever is on the way could replace these keys.'],
    [issuer({ jwksUri: 'https://u:p@vendor.example/k' }), 'This is not an https URL.'],
    [issuer({ jwksUri: 'keys' }), 'This is not an https URL.'],
    [issuer({ jwks: [KEY], clientsMax: 0 }), 'clientsMax'],
    [
      { statements: [1, 2].map(() => ({ issuer: 'https://vendor.example', jwks: [KEY] })) },
      'This issuer is here twice.',
    ],
    [{ documentHosts: { allow: ['https://a.example'] } }, 'documentHosts'],
    [{ documentHosts: { allow: ['*'] } }, 'documentHosts'],
    [{ documentHosts: { deny: ['A.example'] } }, 'documentHosts'],
    [{ documentHosts: { deny: ['a.*.example'] } }, 'documentHosts'],
    [{ documentHosts: { deny: ['a.example.'] } }, 'documentHosts'],
    [{ unusedDays: -1 }, 'unusedDays'],
    [{ perHour: 0 }, 'perHour'],
    [{ mode: 'statements' }, 'mode'],
  ])('%j is refused', async (registration, problem) => {
    expect((await problemsOf(withRegistration(registration))).join('\n')).toContain(problem)
  })

  it('statements without an issuer are worth a warning', async () => {
    expect((await warningsOf(withRegistration({ mode: 'statement' }))).join()).toContain('only initial access tokens')
  })
})
