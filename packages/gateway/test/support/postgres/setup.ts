import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { startTestServer, type TestServer } from './server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where test files ask for the PostgreSQL server of this run; see shared.ts. */
    postgresPort: number
  }
}

/** Runs before all test files. Nothing is started before one asks; with SALLYPORT_TEST_POSTGRES_URL that server is used instead. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['SALLYPORT_TEST_POSTGRES_URL']
  let started: Promise<TestServer> | null = null
  const url = async () => {
    if (given !== undefined && given !== '') return given
    started ??= startTestServer()
    return (await started).url
  }
  const asked = createServer((_request, response) => {
    url().then(
      (text) => response.end(text),
      (cause: unknown) => response.writeHead(500).end(cause instanceof Error ? cause.message : String(cause)),
    )
  })
  asked.listen(0, '127.0.0.1')
  await once(asked, 'listening')
  project.provide('postgresPort', (asked.address() as AddressInfo).port) // A TCP listener has one.
  return async () => {
    asked.close()
    await (await started?.catch(() => null))?.remove()
  }
}
