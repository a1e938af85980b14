import { findSecrets } from '@sallyport/inspect'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseBearer } from '#wire/oauth/bearer.ts'
import { hashApiKey, newApiKeyText, readApiKeyText } from './api-key-text.ts'

const fixed = (fill: number) => ({ bytes: (count: number) => new Uint8Array(count).fill(fill) })

it('has one form, written out', () => {
  const made = newApiKeyText(fixed(0))
  expect(made.text.reveal()).toBe(`spk_${'0'.repeat(17)}_${'0'.repeat(43)}1laUyR`)
  expect(made.secretId).toBe('0'.repeat(17))
  expect(newApiKeyText(fixed(255)).text.reveal()).toMatch(/^spk_[0-9A-Za-z]{17}_[0-9A-Za-z]{49}$/)
})

it('what was made is read, is a bearer token, and is found by a secret scanner; its hash is of all of it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 44, maxLength: 44 }), (bytes) => {
      let drawn = 0
      const random = {
        bytes: (count: number) => {
          drawn += count
          return bytes.subarray(drawn - count, drawn)
        },
      }
      const { text, secretId, hash } = newApiKeyText(random)
      expect(drawn).toBe(44)
      expect(readApiKeyText(text.reveal())).toEqual({ secretId })
      expect(parseBearer(`Bearer ${text.reveal()}`)).toMatchObject({ kind: 'token' })
      expect(hash).toBe(hashApiKey(text.reveal()))
      expect(hash).toMatch(/^[\w-]{43}$/)
    }),
  )
  expect(findSecrets(`the key ${newApiKeyText(fixed(77)).text.reveal()} leaked`)).toMatchObject([
    { kind: 'sallyport-key' },
  ])
})

it('a text with any one character changed, more or less is no key, before anybody is asked', () => {
  const text = newApiKeyText(fixed(77)).text.reveal()
  for (let at = 0; at < text.length; at += 1) {
    const other = text[at] === 'x' ? 'y' : 'x'
    expect(readApiKeyText(text.slice(0, at) + other + text.slice(at + 1)), `at ${at}`).toBeNull()
    expect(readApiKeyText(text.slice(0, at) + text.slice(at + 1)), `without ${at}`).toBeNull()
  }
  for (const other of ['', 'spk_', `${text} `, ` ${text}`, `${text}x`, text.toUpperCase(), `${text}\n`])
    expect(readApiKeyText(other)).toBeNull()
})
