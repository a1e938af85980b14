#!/usr/bin/env node
// Starts the auditor on a Node.js that is new enough. Plain JavaScript that an old Node.js understands too.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 24
const EXIT_USAGE = 2
const here = fileURLToPath(import.meta.url)
const main = new URL('../dist/main.js', import.meta.url)

if (!existsSync(main)) fail('The auditor is not built yet. Run: npm run build')
if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) runAgainOn(findNode())
else await import(main.href)

/** The Node.js of the npm package for this platform, if it is installed beside us. */
function findNode() {
  const name = `node-${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(here).resolve(`${name}/package.json`)), 'bin', 'node')
  } catch {
    return fail(`sallyport-audit needs Node.js ${NODE_MAJOR_MIN} or newer; this is ${process.versions.node}.`)
  }
}

function runAgainOn(node) {
  const child = spawn(node, [here, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // A terminal sends Ctrl-C to the child as well; passing it on would count as pressing it twice.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  child.on('error', (error) => fail(`Starting ${node} failed: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(EXIT_USAGE)
}
