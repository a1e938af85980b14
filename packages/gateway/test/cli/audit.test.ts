import { afterEach, beforeEach, expect, it } from 'vitest'
import { createTestCli, type TestCli } from '../support/cli.ts'

let cli: TestCli
beforeEach(() => {
  cli = createTestCli()
})
afterEach(() => cli.remove())

it('hands over to the auditor, with its options and its exit codes', async () => {
  const help = await cli.run(['audit', '--help'])
  expect([help.code, help.out]).toEqual([0, expect.stringContaining('sallyport-audit')])
  const nobody = await cli.run(['audit', 'http://127.0.0.1:9/mcp', '--rps', '0', '--format', 'json'])
  expect([nobody.code, JSON.parse(nobody.out).outcome]).toEqual([3, 'unreachable'])
  expect((await cli.run(['audit', 'nowhere'])).code).toBe(2)
})
