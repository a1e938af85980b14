import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { type Answer, type CountingServer, startHttp } from '../../test/support/hostile-server.ts'
import { createFetchSmall, type FetchSmallOptions } from './fetch-small.ts'

const servers: CountingServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function http(answer: Answer): Promise<CountingServer> {
  const server = await startHttp(answer)
  servers.push(server)
  return server
}
const small = (changes: Partial<FetchSmallOptions> = {}) =>
  createFetchSmall({ network: 'loopback', bytesMax: 1_024, timeoutMs: 2_000, ...changes })

describe('a small request of a library', () => {
  test('carries method, headers and body, and brings back status, headers and body', async () => {
    let body = ''
    const server = await http((request, response) => {
      request.on('data', (chunk) => {
        body += String(chunk)
      })
      request.on('end', () =>
        response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(request.headers)),
      )
    })
    const answer = await small()(`${server.origin}/token?x=1`, {
      method: 'POST',
      headers: { authorization: 'Basic x', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'a=1&b=2',
    })
    expect([answer.status, answer.headers.get('content-type'), body]).toEqual([400, 'application/json', 'a=1&b=2'])
    expect(await answer.json()).toMatchObject({ authorization: 'Basic x', 'accept-encoding': 'identity' })
    expect(server.requests()).toEqual(['POST /token?x=1'])
  })

  test.each([301, 302, 303, 307, 308])('is not sent on by a %i', async (status) => {
    const target = await http((_request, response) => response.end('{}'))
    const server = await http((_request, response) =>
      response.writeHead(status, { location: `${target.origin}/` }).end(),
    )
    expect((await small()(`${server.origin}/`, {})).status).toBe(status)
    expect(target.connections()).toBe(0)
  })

  test('is refused an answer of more than the limit, announced or not, and a compressed one', async () => {
    const server = await http((request, response) => {
      if (request.url === '/chunked') response.flushHeaders()
      if (request.url === '/gzip') response.setHeader('content-encoding', 'gzip').end(gzipSync('{}'))
      else response.end(Buffer.alloc(request.url === '/fits' ? 1_024 : 1_025, 32))
    })
    expect((await (await small()(`${server.origin}/fits`, {})).text()).length).toBe(1_024)
    await expect(small()(`${server.origin}/sized`, {})).rejects.toMatchObject({ reason: 'tooLarge' })
    await expect(small()(`${server.origin}/chunked`, {})).rejects.toMatchObject({ reason: 'tooLarge' })
    await expect(small()(`${server.origin}/gzip`, {})).rejects.toMatchObject({ reason: 'compressed' })
  })

  test('does not wait for ever', async () => {
    const server = await http((_request, response) => response.writeHead(200).write('{'))
    await expect(small({ timeoutMs: 200 })(`${server.origin}/`, {})).rejects.toMatchObject({ reason: 'timedOut' })
    await expect.poll(() => server.open()).toBe(0)
  })

  test.each([
    ['public', 'http://127.0.0.1:9/'],
    ['public', 'https://127.0.0.1:9/'],
    ['private', 'https://127.0.0.1:9/'],
    ['private', 'https://169.254.169.254/latest'],
    ['loopback', 'file:///etc/passwd'],
  ] as const)('of the %s network never goes to %s', async (network, url) => {
    await expect(small({ network })(url, {})).rejects.toMatchObject({ name: 'OutboundFailure' })
  })

  test('by a name that resolves inside goes nowhere', async () => {
    const resolve = async () => ['10.0.0.1']
    await expect(small({ network: 'public', resolve })('https://idp.example/', {})).rejects.toMatchObject({
      name: 'OutboundFailure',
    })
  })
})
