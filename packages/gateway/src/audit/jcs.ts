export type CanonicalValue =
  | null
  | boolean
  | number
  | string
  | readonly CanonicalValue[]
  | { readonly [key: string]: CanonicalValue | undefined }

/**
 * JSON Canonicalization Scheme (RFC 8785): one text per value, so that a hash of the text is a hash of the value.
 * Members that are undefined are left out. Throws on numbers that JSON cannot hold and on lone surrogates (§3.2.2.2).
 */
export function canonicalJson(value: CanonicalValue): string {
  if (typeof value === 'number') {
    // RFC 8785 §3.2.2.3: numbers print as ECMAScript prints them.
    if (!Number.isFinite(value)) throw new TypeError('a number in a canonical record must be finite')
    return JSON.stringify(value)
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('a string in a canonical record must be well-formed Unicode')
    return JSON.stringify(value)
  }
  if (value === null || typeof value === 'boolean') return String(value)
  if (isList(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`
  const members: string[] = []
  // §3.2.3: members sort by UTF-16 code units, which is what the default sort does.
  for (const key of Object.keys(value).sort()) {
    const member = value[key]
    if (member !== undefined) members.push(`${canonicalJson(key)}:${canonicalJson(member)}`)
  }
  return `{${members.join(',')}}`
}

function isList(value: object): value is readonly CanonicalValue[] {
  return Array.isArray(value)
}
