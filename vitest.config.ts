import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['sallyport-source'] },
  ssr: { resolve: { conditions: ['sallyport-source', 'node', 'module', 'default'] } },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'examples/*/src/**/*.test.ts',
      'bench/src/**/*.test.ts',
    ],
    // Long runs (kill -9 at 200 points, soaks) are *.full.test.ts and join only `npm run test:full`.
    // What needs a Keycloak is *.idp.test.ts: `npm run test:idp` starts one.
    exclude: [
      '**/node_modules/**',
      '**/dist/**',
      ...(process.env['SALLYPORT_TEST_FULL'] ? [] : ['**/*.full.test.ts']),
      ...(process.env['SALLYPORT_KEYCLOAK'] ? [] : ['**/*.idp.test.ts']),
    ],
    globalSetup: ['packages/gateway/test/support/postgres/setup.ts'],
    passWithNoTests: false,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Threads and processes that tests start find their sources with the types already taken away: that is faster, and the WebAssembly that
    // does it, run in thousands of short threads, now and then brings V8 of Node.js 24 down (WasmEngine::FreeDeadCode).
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node-compile', import.meta.url)) },
    execArgv: ['--conditions=sallyport-source'],
  },
})
