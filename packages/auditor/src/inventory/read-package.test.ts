import { expect, test } from 'vitest'
import { readPackage } from './read-package.ts'

const SHA = 'a'.repeat(64)
const COMMIT = '0123456789abcdef0123456789abcdef01234567'

test.each([
  ['npx -y @modelcontextprotocol/server-github', 'npm', '@modelcontextprotocol/server-github', null, 'none'],
  ['npx -y @modelcontextprotocol/server-github@latest', 'npm', '@modelcontextprotocol/server-github', 'latest', 'none'],
  ['npx -y mcp-remote@0.1.16 https://a.example/mcp', 'npm', 'mcp-remote', '0.1.16', 'exact'],
  ['npx -y mcp-remote@0.1.16-beta.1', 'npm', 'mcp-remote', '0.1.16-beta.1', 'exact'],
  ['npx mcp-remote@^0.1.0', 'npm', 'mcp-remote', '^0.1.0', 'range'],
  ['npx mcp-remote@0.1', 'npm', 'mcp-remote', '0.1', 'range'],
  ['npx mcp-remote@next', 'npm', 'mcp-remote', 'next', 'tag'],
  ['npx -p pkg-a@1.0.0 run-a', 'npm', 'pkg-a', '1.0.0', 'exact'],
  ['npx --package=pkg-a run-a', 'npm', 'pkg-a', null, 'none'],
  ['/opt/node/bin/npx -y a@1.2.3', 'npm', 'a', '1.2.3', 'exact'],
  ['C:\\Node\\npx.CMD -y a@1.2.3', 'npm', 'a', '1.2.3', 'exact'],
  ['bunx a', 'npm', 'a', null, 'none'],
  ['pnpm dlx a@2.0.0', 'npm', 'a', '2.0.0', 'exact'],
  ['npm exec a', 'npm', 'a', null, 'none'],
  ['deno run -A npm:a@1.0.0', 'npm', 'a', '1.0.0', 'exact'],
  ['uvx mcp-server-git', 'pypi', 'mcp-server-git', null, 'none'],
  ['uvx mcp-server-git==2025.12.17', 'pypi', 'mcp-server-git', '2025.12.17', 'exact'],
  ['uvx mcp-server-git@2025.12.17', 'pypi', 'mcp-server-git', '2025.12.17', 'exact'],
  ['uvx mcp-server-git@latest', 'pypi', 'mcp-server-git', 'latest', 'tag'],
  ['uvx --from MCP_Server.Git>=1 run', 'pypi', 'mcp-server-git', '1', 'range'],
  ['uvx a==1.*', 'pypi', 'a', '1.*', 'range'],
  ['uv tool run a', 'pypi', 'a', null, 'none'],
  ['pipx run --spec a==1.0 a', 'pypi', 'a', '1.0', 'exact'],
  [`uvx --from git+https://github.com/o/r@${COMMIT} r`, 'git', 'git+https://github.com/o/r', COMMIT, 'exact'],
  ['npx -y github:o/r', 'git', 'github:o/r', null, 'none'],
  ['npx -y o/r#main', 'git', 'o/r', 'main', 'tag'],
  ['docker run -i --rm -e TOKEN ghcr.io/o/r', 'container', 'ghcr.io/o/r', null, 'none'],
  ['docker run -i --rm --name x ghcr.io:5000/o/r:1.2', 'container', 'ghcr.io:5000/o/r', '1.2', 'tag'],
  ['docker run --env=A=b o/r:latest', 'container', 'o/r', 'latest', 'none'],
  [`podman run -i o/r@sha256:${SHA}`, 'container', 'o/r', `sha256:${SHA}`, 'exact'],
  ['docker run o/r@sha256:abc', 'container', 'o/r', 'sha256:abc', 'none'],
  ['env A=b npx -y a', 'npm', 'a', null, 'none'],
] as const)('%s', (line, ecosystem, name, version, pin) => {
  const [command = '', ...args] = line.split(' ')
  expect(readPackage(command, args)).toEqual({ ecosystem, name, version, pin })
})

test.each([
  ['sh', ['-c', 'exec npx -y "a@1.0.0" --flag'], 'a'],
  ['cmd', ['/c', 'npx', '-y', 'a@1.0.0'], 'a'],
  ['bash', ['-lc', 'npx a@1.0.0 && rm -rf /'], 'a'],
  ['powershell.exe', ['-NoProfile', '-Command', 'npx a@1.0.0'], 'a'],
  ['wsl', ['--', 'npx', 'a@1.0.0'], 'a'],
])('shells are looked through: %s %j', (command, args, name) => {
  expect(readPackage(command, args)).toEqual({ ecosystem: 'npm', name, version: '1.0.0', pin: 'exact' })
})

test.each([
  ['node', ['server.js']],
  ['npx', ['./local']],
  ['npx', []],
  ['docker', ['compose', 'up']],
  ['docker', ['run', '-i']],
  ['npm', ['start']],
  ['', []],
  ['sh', ['-c', '']],
])('what is on the machine is no package: %s %j', (command, args) => {
  expect(readPackage(command, args)).toBeNull()
})

test('a line made to confuse is read in time linear in its length', () => {
  const long = `${'"'.repeat(50_000)}${'a b '.repeat(50_000)}`
  expect(readPackage('sh', ['-c', long])).toBeNull()
  expect(readPackage('npx', [`${'@'.repeat(100_000)}`])?.ecosystem).toBe('npm')
})
