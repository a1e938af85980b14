/**
 * Characters that read as another one in a client name, by what they read as: Latin letters, digits and signs that stand for letters,
 * and the look-alikes of Cyrillic, Greek, Armenian, Cherokee and the Latin extensions. Compatibility forms (full width, mathematical,
 * circled) need no entry, since names are decomposed (NFKD) first. A hand-picked part of Unicode TS 39's table: enough for warnings,
 * not a proof of difference.
 */
const READS_AS: Readonly<Record<string, string>> = {
  a: 'аαɑ@4ΑАᎪⱥаӑӓ',
  b: 'ЬьΒВвƅᏴɓ8',
  c: 'сϲСϹᏟƈ¢ⅽ',
  d: 'ԁɗđᎠժ',
  e: 'еєҽεΕЕ3ɛᎬёѐ€',
  f: 'ſƒϝ',
  g: 'ɡɢցԍᏀ9',
  h: 'һԦΗНհᏂнһ',
  j: 'јϳЈʝᎫ',
  k: 'κкКΚҝӄᏦ',
  l: 'iIl1|!ıɩιіІΙӀןǀⅼЇїƖᏞɪ',
  m: 'МΜмᎷ',
  n: 'ոռηΝпɴи',
  o: 'о0οОΟօσӧøØ\u0585',
  p: 'рΡРρᏢþ',
  q: 'ԛզգ',
  r: 'гᎡʀяг',
  s: 'ѕЅ5$ʂꜱտᏚ',
  t: 'тТΤτᎢ7+ŧ',
  u: 'υսцʋμᴜ',
  v: 'νѵѴᏙᴠ',
  w: 'ѡԝωшщᏔᴡ',
  x: 'хХΧχ×ҳ',
  y: 'уУΥγүҮʏӯ¥',
  z: 'ΖᏃʐƶ2ᴢ',
}

export const CONFUSABLES: ReadonlyMap<string, string> = new Map(
  Object.entries(READS_AS).flatMap(([letter, others]) => [...others].map((other) => [other, letter] as const)),
)
