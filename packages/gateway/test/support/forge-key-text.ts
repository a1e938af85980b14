import { newApiKeyText } from '#identity/api-key-text.ts'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_BYTES = 12

/** A text with this id, a secret of the attacker's, and a right checksum: for who has read an id somewhere. */
export function forgeKeyText(secretId: string, prefix: 'spk_' | 'spi_' = 'spk_'): string {
  let value = [...secretId].reduce((sum, digit) => sum * 62n + BigInt(DIGITS.indexOf(digit)), 0n)
  const id = new Uint8Array(ID_BYTES)
  for (let index = ID_BYTES - 1; index >= 0; index -= 1) {
    id[index] = Number(value % 256n)
    value /= 256n
  }
  const draws = [id, new Uint8Array(32).fill(7)]
  const forged = newApiKeyText({ bytes: () => draws.shift() ?? new Uint8Array() }, prefix)
  if (forged.secretId !== secretId) throw new Error('the forged text has another id')
  return forged.text.reveal()
}
