import { expect, test } from 'vitest'
import { loopbackPerson } from '#audit/login/loopback-person.ts'
import { request } from '../mutants/support/request.ts'

test('somebody is shown the address, and what their browser brings back is taken as it is', async () => {
  const told: string[] = []
  const person = await loopbackPerson((line) => void told.push(line))
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
    expect((await answered)?.href).toBe(`${person.redirectUri}?code=abc&state=s&iss=i`)
  } finally {
    await person.close()
  }
})
