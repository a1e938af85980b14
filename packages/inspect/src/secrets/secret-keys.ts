/** What the name of a setting, parameter or header says about its value. */
export interface SecretKey {
  readonly kind: string
  /** True when any value is a secret; otherwise only one that looks random. */
  readonly isCertain: boolean
  /** True for headers whose value is the rest of the line. */
  readonly takesLine: boolean
}

/** Names end with one of these, after `-`, `_` and `.` are taken out and letters lowered. */
const CERTAIN_ENDINGS = [
  ['password', 'password'],
  ['passwd', 'password'],
  ['passphrase', 'password'],
  ['pwd', 'password'],
  ['clientsecret', 'client-secret'],
  ['secretaccesskey', 'secret-key'],
  ['accesstoken', 'token'],
  ['refreshtoken', 'token'],
  ['idtoken', 'token'],
  ['authtoken', 'token'],
  ['sessiontoken', 'token'],
  ['bearertoken', 'token'],
  ['apikey', 'api-key'],
  ['secretkey', 'secret-key'],
  ['privatekey', 'private-key'],
  ['codeverifier', 'code-verifier'],
  ['clientassertion', 'client-assertion'],
] as const
const LIKELY_ENDINGS = [
  ['secret', 'secret'],
  ['token', 'token'],
  ['accesskey', 'secret-key'],
  ['signingkey', 'secret-key'],
  ['encryptionkey', 'secret-key'],
  ['accountkey', 'secret-key'],
  ['credential', 'secret'],
  ['credentials', 'secret'],
  ['sessionid', 'session'],
  ['signature', 'signature'],
] as const
const LINE_HEADERS = ['authorization', 'cookie', 'setcookie'] as const
/** Whole names only: many harmless ones end with them. */
const LIKELY_NAMES: ReadonlyMap<string, string> = new Map([
  ['code', 'authorization-code'],
  ['auth', 'secret'],
  ['pass', 'password'],
  ['sig', 'signature'],
  ['dpop', 'proof'],
])
/** Opaque, but no credential: whoever reads a log needs them. */
const HARMLESS_NAMES: ReadonlySet<string> = new Set([
  'progresstoken',
  'nexttoken',
  'pagetoken',
  'nextpagetoken',
  'continuationtoken',
  'synctoken',
])

const ALL_ENDINGS = [
  ...CERTAIN_ENDINGS.map(([ending]) => ending),
  ...LIKELY_ENDINGS.map(([ending]) => ending),
  ...LINE_HEADERS,
  ...LIKELY_NAMES.keys(),
]
/** The last two letters of every ending: most names in a text differ already there, and nothing more need be done with them. */
const LAST_TWO = new Set(ALL_ENDINGS.map((ending) => pairOf(ending, ending.length)))

/** Null when nothing in the name says that the value is secret. */
export function judgeKey(key: string): SecretKey | null {
  // Only of names that end in letters can it be told so early.
  const last = pairOf(key, key.length)
  if (last !== 0 && !LAST_TWO.has(last)) return null
  const name = key.toLowerCase().replace(/[-_.]/g, '')
  if (name === '' || HARMLESS_NAMES.has(name)) return null
  const header = LINE_HEADERS.find((ending) => name.endsWith(ending))
  if (header !== undefined) return { kind: header, isCertain: true, takesLine: true }
  const certain = CERTAIN_ENDINGS.find(([ending]) => name.endsWith(ending))
  if (certain !== undefined) return { kind: certain[1], isCertain: true, takesLine: false }
  const likely = LIKELY_ENDINGS.find(([ending]) => name.endsWith(ending))?.[1] ?? LIKELY_NAMES.get(name)
  return likely === undefined ? null : { kind: likely, isCertain: false, takesLine: false }
}

/** Two ASCII letters before `end` as one number, in lower case; 0 if they are anything else. */
function pairOf(text: string, end: number): number {
  const one = letterOf(text.charCodeAt(end - 2))
  const two = letterOf(text.charCodeAt(end - 1))
  return one === 0 || two === 0 ? 0 : one * 128 + two
}

function letterOf(code: number): number {
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x7a && code < 128 ? lower : 0
}
