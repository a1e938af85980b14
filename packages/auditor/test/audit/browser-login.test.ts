import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { loopbackPerson } from '#audit/login/loopback-person.ts'
import { request } from '../mutants/support/request.ts'

test('somebody is shown the address, and what their browser brings back is taken as it is', async () => {
  const told: string[] = []
  const person = await loopbackPerson((line) => void told.push(line), new PassThrough())
  try {
    const answered = person.authorize('https://login.example.com/authorize?client_id=a', { isHandsOff: false })
    expect(told.at(-1)).toBe('https://login.example.com/authorize?client_id=a')
    expect((await request(new URL('/other?code=stolen', person.redirectUri).href)).status).toBe(404)
    expect((await request(`${person.redirectUri}?code=wrong`, { method: 'POST' })).status).toBe(404)
    const page = await request(`${person.redirectUri}?code=abc&state=s&iss=i`)
    expect([page.status, page.headers['cache-control'], page.headers['referrer-policy']]).toEqual([
      200,
      'no-store',
      'no-referrer',
    ])
    expect(String(await answered)).toBe(`${person.redirectUri}?code=abc&state=s&iss=i`)
  } finally {
    await person.close()
  }
})

test('that the browser stays at a page is what the person says; where nobody says anything nothing is known', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const stdin = new PassThrough()
  const person = await loopbackPerson(() => undefined, stdin)
  try {
    const stays = person.authorize('https://login.example.com/authorize', { isHandsOff: true })
    stdin.write('\n')
    expect(await stays).toBe('page')
    const silent = person.authorize('https://login.example.com/authorize', { isHandsOff: true })
    await vi.advanceTimersByTimeAsync(301_000)
    expect(await silent).toBe(null)
    // What was typed while nobody was asked is no answer to the next question.
    expect(stdin.listenerCount('data')).toBe(0)
  } finally {
    vi.useRealTimers()
    await person.close()
  }
})
