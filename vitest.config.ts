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
    exclude: ['**/node_modules/**', '**/dist/**', ...(process.env['SALLYPORT_TEST_FULL'] ? [] : ['**/*.full.test.ts'])],
    globalSetup: ['packages/gateway/test/support/postgres/setup.ts'],
    passWithNoTests: false,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    execArgv: ['--conditions=sallyport-source'],
  },
})
