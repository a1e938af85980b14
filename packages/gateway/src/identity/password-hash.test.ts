import { describe, expect, test } from 'vitest'
import { systemRandom } from '#core/random.ts'
import { hashPassword, NOBODYS_HASH, verifyPassword } from './password-hash.ts'

describe('password hash', () => {
  // Vectors of the reference implementation (phc-winner-argon2, src/test.c), argon2id version 19.
  test.each([
    ['password', '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'],
    ['password', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'],
  ])('verifies what other implementations wrote: %s %s', async (password, hash) => {
    expect(await verifyPassword(password, hash)).toBe(true)
    expect(await verifyPassword(`${password} `, hash)).toBe(false)
  })

  test('a new hash states the cost that OWASP asks for, and a salt of its own', async () => {
    const [first, second] = await Promise.all([
      hashPassword('same words here', systemRandom),
      hashPassword('same words here', systemRandom),
    ])
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(first).not.toBe(second)
    expect(await verifyPassword('same words here', first)).toBe(true)
    expect(await verifyPassword('same words herE', first)).toBe(false)
  })

  test('the same password in composed and decomposed letters is the same password', async () => {
    const hash = await hashPassword('café crème brûlée', systemRandom)
    expect(await verifyPassword('café crème brûlée'.normalize('NFD'), hash)).toBe(true)
  })

  test.each([
    ['another variant', (hash: string) => hash.replace('argon2id', 'argon2i')],
    ['another version', (hash: string) => hash.replace('v=19', 'v=16')],
    ['more memory than the bound', (hash: string) => hash.replace('m=19456', 'm=9999999')],
    ['no memory', (hash: string) => hash.replace('m=19456', 'm=1')],
    ['no passes', (hash: string) => hash.replace('t=2', 't=0')],
    ['another pass', (hash: string) => hash.replace('t=2', 't=3')],
    ['no lanes', (hash: string) => hash.replace('p=1', 'p=0')],
    ['a shortened tag', (hash: string) => hash.slice(0, -12)],
    ['a tag with stray low bits', (hash: string) => `${hash.slice(0, -1)}${nextLetter(hash.at(-1))}`],
    ['an empty tag', (hash: string) => hash.slice(0, hash.lastIndexOf('$') + 1)],
    ['another tag', (hash: string) => `${hash.slice(0, -2)}${hash.at(-2) === 'A' ? 'B' : 'A'}${hash.at(-1)}`],
    ['trailing text', (hash: string) => `${hash}A`],
    ['nothing at all', () => ''],
    ['the password itself', () => 'correct horse battery'],
  ])('a hash with %s matches nothing', async (_what, tamper) => {
    const hash = await hashPassword('correct horse battery', systemRandom)
    expect(await verifyPassword('correct horse battery', hash)).toBe(true)
    expect(await verifyPassword('correct horse battery', tamper(hash))).toBe(false)
  })

  test('the hash that hides whether an account exists parses, and matches nothing', async () => {
    expect(NOBODYS_HASH).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$A{22}\$A{43}$/)
    expect(await verifyPassword('', NOBODYS_HASH)).toBe(false)
  })
})

/** 43 letters are 258 bits for 256: the last letter has four spellings, and `unpadded` writes the first of them. */
function nextLetter(letter = ''): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  return letters[letters.indexOf(letter) + 1] ?? ''
}
