import { describe, expect, test } from 'vitest'
import { Secret } from '#core/secret.ts'
import { textHolds } from '../inspection/find-credential.ts'
import { credentialTexts } from './credential.ts'

const KEY = 'sk-live/4f+9"a\\b~zZ-0123456789'
const withHeader = (value: string) =>
  credentialTexts({
    kind: 'http',
    url: 'https://a.example/',
    headers: new Map([['Authorization', new Secret(value)]]),
    network: 'public',
  })
const texts = withHeader(`Bearer ${KEY}`)
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('our credential in what an upstream says', () => {
  test.each<[string, unknown]>([
    ['plain', { text: `the key is ${KEY}.` }],
    ['as a key', { [KEY]: 1 }],
    ['in JSON inside a string', { text: JSON.stringify({ authorization: `Bearer ${KEY}` }) }],
    ['percent-encoded', { url: `https://x.example/?k=${encodeURIComponent(KEY)}` }],
    ['percent-encoded in lower case', { url: encodeURIComponent(KEY).replace(/%../g, (code) => code.toLowerCase()) }],
    ['in hexadecimal', { hex: Buffer.from(KEY).toString('hex') }],
    ['in upper-case hexadecimal', { hex: Buffer.from(KEY).toString('hex').toUpperCase() }],
    ['in base64', { data: base64(KEY) }],
    ['in base64 after one character', { data: base64(`x${KEY}y`) }],
    ['in base64 after two', { data: base64(`xx${KEY}yy`) }],
    ['in base64 in a document', { data: base64(`{"headers":{"authorization":"Bearer ${KEY}"}}`) }],
    ['in base64url', { data: Buffer.from(`??>${KEY}`).toString('base64url') }],
  ])('%s is found', (_how, value) => {
    expect(textHolds(JSON.stringify(value), texts)).toBe(true)
  })

  test('what is not it is not found', () => {
    for (const value of ['Bearer', 'authorization', KEY.slice(1, 12), base64(KEY.slice(0, 8))]) {
      expect(textHolds(JSON.stringify({ value }), texts)).toBe(false)
    }
  })

  test('of Basic credentials the password is found too', () => {
    const basic = withHeader(`Basic ${base64('user:correct horse')}`)
    expect(textHolds(JSON.stringify({ text: 'login with correct horse failed' }), basic)).toBe(true)
    expect(textHolds(JSON.stringify({ text: 'user' }), basic)).toBe(false)
  })

  test('short values are settings, not secrets', () => {
    expect(withHeader('on')).toEqual([])
  })
})
