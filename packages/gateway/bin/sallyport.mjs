#!/usr/bin/env node
// Starts Sallyport on a Node.js that is new enough. Plain JavaScript that an old Node.js understands too.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 24
const here = fileURLToPath(import.meta.url)
const main = new URL('../dist/main.js', import.meta.url)

if (!existsSync(main)) fail('Sallyport is not built yet. Run: npm run build')
if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) runAgainOn(findNode())
else {
  endWithStdin()
  await import(main.href)
}

/** For whoever starts a gateway and may be killed: the gateway ends when the pipe it was given as standard input does. */
function endWithStdin() {
  if (process.env.SALLYPORT_ENDS_WITH_STDIN !== '1') return
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'))
  process.stdin.resume()
  process.stdin.unref()
}

/** The Node.js of the npm package for this platform, if it is installed beside us. */
function findNode() {
  const name = `node-${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(here).resolve(`${name}/package.json`)), 'bin', 'node')
  } catch {
    return fail(`Sallyport needs Node.js ${NODE_MAJOR_MIN} or newer; this is ${process.versions.node}.
In the checkout, npm install brings one along on Linux and macOS; elsewhere install it from your system's packages.`)
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
  process.exit(1)
}
