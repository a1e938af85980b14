// `npm run bench`: installs and builds what is missing, then measures. Plain JavaScript for Node.js 20, because it runs before that.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { findNode, installIfNeeded, root, run, toolEnvironment } from '../scripts/workspace.mjs'

try {
  installIfNeeded()
  installIfNeeded(join(root, 'bench'))
  if (!(await run('tsc', ['-b', 'packages/inspect', 'packages/gateway']))) throw new Error('The build failed')
  const child = spawn(findNode(), [join(root, 'bench', 'src', 'main.ts'), ...process.argv.slice(2)], {
    cwd: root,
    env: toolEnvironment(),
    stdio: 'inherit',
  })
  // The terminal sends Ctrl-C to the child as well, which takes down what it started.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code) => process.exit(code ?? 1))
} catch (error) {
  process.stderr.write(`\n${error.message}\n`)
  process.exit(1)
}
