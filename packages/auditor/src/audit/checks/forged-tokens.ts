import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  type KeyPairKeyObjectResult,
  sign,
} from 'node:crypto'

/** A token that the target's authorization server has not made. */
export interface Forged {
  readonly name: string
  readonly what: string
  readonly tokens: readonly string[]
}

export interface ForgeryInput {
  readonly issuer: string
  readonly resource: string
  readonly scopes: readonly string[]
  readonly keys: readonly Readonly<Record<string, unknown>>[]
  readonly nowSeconds: number
  /** What signs them: nobody has ever heard of it. */
  readonly own?: KeyPairKeyObjectResult
  /** Where its public half can be fetched, as keys and as the keys of an issuer; null where nothing listens. */
  readonly keysAt?: string | null
}

export const newKey = (): KeyPairKeyObjectResult => generateKeyPairSync('ec', { namedCurve: 'P-256' })
/** Id of that key, where it is published. */
export const OWN_KID = 'sallyport-audit'

/** Every way to make a token without the key, by name. */
export function forge(input: ForgeryInput): readonly Forged[] {
  const { issuer, resource, scopes, keys, nowSeconds, own = newKey(), keysAt = null } = input
  const { privateKey, publicKey } = own
  const kid = typeof keys[0]?.['kid'] === 'string' ? keys[0]['kid'] : 'key-1'
  const claims = {
    iss: issuer,
    sub: 'sallyport-audit',
    aud: resource,
    client_id: 'sallyport-audit',
    scope: scopes.join(' '),
    jti: 'sallyport-audit',
    iat: nowSeconds,
    exp: nowSeconds + 600,
  }
  const es = (header: object, payload: object = claims) =>
    signEs256({ alg: 'ES256', typ: 'at+jwt', kid, ...header }, payload, privateKey)
  const unsigned = (alg: string) => `${encode({ alg, typ: 'at+jwt', kid })}.${encode(claims)}.`
  const hmac = (secrets: readonly (string | Buffer)[]) =>
    secrets.flatMap((secret) =>
      [256, 512].map((bits) => signHmac({ alg: `HS${bits}`, typ: 'at+jwt', kid }, claims, secret, bits)),
    )
  const jwk = publicKey.export({ format: 'jwk' })
  return [
    { name: 'not-a-token', what: 'any text', tokens: ['sallyport-audit', 'null', 'undefined', '0', '{}', 'a.b.c'] },
    { name: 'alg-none', what: 'the algorithm none', tokens: [unsigned('none')] },
    {
      name: 'alg-none-case',
      what: 'the algorithm none in another case',
      tokens: ['None', 'NONE', 'nOnE'].map(unsigned),
    },
    { name: 'no-signature', what: 'no signature', tokens: ['RS256', 'ES256'].map(unsigned) },
    { name: 'hmac-public-key', what: 'the public key as a secret', tokens: hmac(keys.slice(0, 3).flatMap(pemsOf)) },
    { name: 'hmac-public-jwk', what: 'the published key as a secret', tokens: hmac(keys.slice(0, 3).flatMap(jwksOf)) },
    { name: 'hmac-empty', what: 'an empty secret', tokens: hmac(['']) },
    {
      name: 'hmac-weak',
      what: 'a secret that everybody guesses',
      tokens: hmac(['secret', 'changeme', 'password', 'your-256-bit-secret', 'jwt-secret']),
    },
    { name: 'foreign-key', what: 'a foreign key', tokens: [es({})] },
    {
      name: 'unknown-kid',
      what: 'a key of an unknown name',
      tokens: [es({ kid: 'sallyport-audit' }), es({ kid: undefined })],
    },
    {
      name: 'kid-path',
      what: 'a key name that is a path or a query',
      tokens: [
        ...['../../../../dev/null', '/dev/null'].map((bad) =>
          signHmac({ alg: 'HS256', typ: 'at+jwt', kid: bad }, claims, '', 256),
        ),
        // Whoever looks keys up with it in a query gets the letter.
        signHmac({ alg: 'HS256', typ: 'at+jwt', kid: "x' UNION SELECT 'a'--" }, claims, 'a', 256),
      ],
    },
    { name: 'key-in-header', what: 'a key that it brings along', tokens: [es({ jwk, kid: undefined }), es({ jwk })] },
    {
      name: 'key-address',
      what: 'a key at an address that it names',
      tokens: [
        es({ jku: `${keysAt ?? 'https://keys.sallyport-audit.example'}/jwks`, kid: OWN_KID }),
        es({ x5u: `${keysAt ?? 'https://keys.sallyport-audit.example'}/cert`, kid: OWN_KID }),
      ],
    },
    {
      name: 'foreign-issuer',
      what: 'a foreign issuer',
      tokens: [es({ kid: OWN_KID }, { ...claims, iss: keysAt ?? 'https://issuer.sallyport-audit.example' })],
    },
    {
      name: 'expired',
      what: 'a time that is over',
      tokens: [es({}, { ...claims, iat: nowSeconds - 7200, exp: nowSeconds - 3600 })],
    },
    {
      name: 'not-yet-valid',
      what: 'a time that is to come',
      tokens: [es({}, { ...claims, nbf: nowSeconds + 3600, iat: nowSeconds + 3600, exp: nowSeconds + 7200 })],
    },
    { name: 'no-end', what: 'no end', tokens: [es({}, { ...claims, exp: undefined })] },
    { name: 'no-audience', what: 'no audience', tokens: [es({}, { ...claims, aud: undefined })] },
    {
      name: 'audience-list',
      what: 'a list of audiences',
      tokens: [
        es({}, { ...claims, aud: ['https://resource.sallyport-audit.example', resource] }),
        es({}, { ...claims, aud: [[resource]] }),
      ],
    },
    { name: 'empty-subject', what: 'nobody as its subject', tokens: [es({}, { ...claims, sub: '' })] },
    {
      name: 'duplicate-header',
      what: 'two algorithms in its header',
      // RFC 7515 §4: names are unique; parsers differ in which of two counts.
      tokens: [
        ['RS256', 'none'],
        ['none', 'RS256'],
      ].map(
        ([first, last]) =>
          `${Buffer.from(`{"alg":"${first}","typ":"at+jwt","kid":${JSON.stringify(kid)},"alg":"${last}"}`).toString('base64url')}.${encode(claims)}.`,
      ),
    },
    {
      name: 'critical-header',
      what: 'a critical header that nobody knows',
      tokens: [es({ crit: ['sallyport'], sallyport: true })],
    },
    { name: 'no-claims', what: 'nothing in it', tokens: [es({}, {})] },
    {
      name: 'encrypted',
      what: 'five parts',
      tokens: [`${encode({ alg: 'dir', enc: 'A256GCM' })}..${encode({})}.${encode({})}.${encode({})}`],
    },
    {
      name: 'huge',
      what: '64 KB',
      tokens: [12_000, 48_000].map((length) => es({}, { ...claims, padding: 'a'.repeat(length) })),
    },
  ]
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function signEs256(header: object, payload: object, key: KeyObject): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

function signHmac(header: object, payload: object, secret: string | Buffer, bits: number): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac(`sha${bits}`, secret).update(input).digest('base64url')}`
}

/** A public key as people paste it into a configuration. */
function pemsOf(key: Readonly<Record<string, unknown>>): (string | Buffer)[] {
  try {
    const publicKey = createPublicKey({ key: key as JsonWebKey, format: 'jwk' })
    const pems = [publicKey.export({ type: 'spki', format: 'pem' }).toString()]
    if (key['kty'] === 'RSA') pems.push(publicKey.export({ type: 'pkcs1', format: 'pem' }).toString())
    return [...pems, ...pems.map((pem) => pem.trimEnd()), publicKey.export({ type: 'spki', format: 'der' })]
  } catch {
    return []
  }
}

function jwksOf(key: Readonly<Record<string, unknown>>): (string | Buffer)[] {
  const { kty, n, e, x, y, crv } = key
  const members = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y }
  const bare = typeof n === 'string' ? [n, Buffer.from(n, 'base64url')] : []
  return [JSON.stringify(key), JSON.stringify(members), JSON.stringify({ keys: [key] }), ...bare]
}
