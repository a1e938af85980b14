import { expect, test } from 'vitest'
import { postIsFromOurPage } from './same-origin.ts'

const P = 'https://gateway.example'

test.each([
  // Sec-Fetch-Site, Origin, accepted
  ['same-origin', P, true],
  ['same-origin', 'null', true],
  ['same-origin', undefined, true],
  [undefined, P, true],
  [undefined, 'null', true],
  [undefined, undefined, true],
  ['same-origin', 'https://evil.example', false],
  ['same-site', P, false],
  ['cross-site', P, false],
  ['cross-site', 'null', false],
  ['none', undefined, false],
  ['', undefined, false],
  ['same-origin, same-origin', P, false],
  [undefined, 'https://evil.example', false],
  [undefined, 'http://gateway.example', false],
  [undefined, 'https://gateway.example:8443', false],
  [undefined, 'https://gateway.example/', false],
  [undefined, '', false],
])('a post with Sec-Fetch-Site %j and Origin %j: %j', (site, origin, accepted) => {
  const headers = {
    ...(site === undefined ? {} : { 'sec-fetch-site': site }),
    ...(origin === undefined ? {} : { origin }),
  }
  expect(postIsFromOurPage(headers, P)).toBe(accepted)
})
