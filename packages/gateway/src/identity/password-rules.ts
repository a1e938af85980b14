/** NIST SP 800-63B §3.1.1.2 asks for 15 characters without a second factor, 8 with one; OWASP for no composition rules. We take 12. */
export const PASSWORD_CHARACTERS_MIN = 12
/** Bounds the work of normalising and hashing; longer than any pass phrase. */
export const PASSWORD_CHARACTERS_MAX = 256
/** Lower case, as accounts are stored. */
export const USERNAME_PATTERN: RegExp = /^[a-z0-9._@-]{1,64}$/

export type PasswordProblem = 'tooShort' | 'tooLong' | 'tooCommon' | 'holdsUsername'

/** Words that, with digits and signs around them, are the first guesses of every list. */
const COMMON_WORDS: ReadonlySet<string> = new Set(
  (
    'password passwort passw0rd pass motdepasse contrasena senha admin administrator root welcome willkommen letmein iloveyou ' +
    'qwerty qwertyuiop qwertz qwertzuiop azerty asdfgh asdfghjkl zxcvbn zxcvbnm monkey dragon football baseball sunshine princess ' +
    'superman batman master shadow michael jennifer trustno changeme default secret login user test guest starwars whatever ' +
    'freedom computer internet summer winter spring autumn hello sallyport'
  ).split(' '),
)

/** Pure. Null when the password may be used. `username` is as it will be stored. */
export function checkNewPassword(password: string, username: string): PasswordProblem | null {
  const text = password.normalize('NFKC')
  const length = [...text].length
  if (length < PASSWORD_CHARACTERS_MIN) return 'tooShort'
  if (length > PASSWORD_CHARACTERS_MAX) return 'tooLong'
  const lower = text.toLowerCase()
  if (username.length >= 3 && lower.includes(username) && length < username.length + 8) return 'holdsUsername'
  return isRepetition(lower) || isSequence(lower) || isCommon(lower) ? 'tooCommon' : null
}

/** One unit of up to four characters over and over: `aaaaaaaaaaaa`, `abcabcabcabc`. */
function isRepetition(text: string): boolean {
  return [1, 2, 3, 4].some((period) =>
    [...text].every((character, index) => index < period || character === text[index - period]),
  )
}

/** Neighbours only, up or down: `123456789012`, `abcdefghijkl`. A 0 after a 9 counts as the next. */
function isSequence(text: string): boolean {
  const steps = [...text].slice(1).map((character, index) => character.charCodeAt(0) - text.charCodeAt(index))
  return [1, -1].some((step) => steps.every((difference) => difference === step || difference === -9 * step))
}

/** A common word, or two, that only digits and signs were added to, or put in place of letters. */
function isCommon(text: string): boolean {
  const middle = text.replace(/^[^a-z]+|[^a-z]+$/g, '')
  const plain = [...middle].map((character) => LOOKS_LIKE[character] ?? character).join('')
  return [middle, plain].some((letters) => {
    if (COMMON_WORDS.has(letters)) return true
    const words = letters.split(/[^a-z]+/)
    if (words.length <= 2 && words.every((word) => COMMON_WORDS.has(word))) return true
    return [...letters].some((_, at) => COMMON_WORDS.has(letters.slice(0, at)) && COMMON_WORDS.has(letters.slice(at)))
  })
}

const LOOKS_LIKE: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '@': 'a',
  $: 's',
}
