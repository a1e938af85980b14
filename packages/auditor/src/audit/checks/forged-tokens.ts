import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto'

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
}

/** Every way to make a token without the key, by name. */
export function forge({ issuer, resource, scopes, keys, nowSeconds }: ForgeryInput): readonly Forged[] {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
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
        ...['../../../../dev/null', "x' UNION SELECT 'a'--", '/dev/null'].map((bad) =>
          signHmac({ alg: 'HS256', typ: 'at+jwt', kid: bad }, claims, '', 256),
        ),
      ],
    },
    { name: 'key-in-header', what: 'a key that it brings along', tokens: [es({ jwk, kid: undefined }), es({ jwk })] },
    {
      name: 'key-address',
      what: 'a key at an address that it names',
      tokens: [
        es({ jku: 'https://keys.sallyport-audit.example/jwks' }),
        es({ x5u: 'https://keys.sallyport-audit.example/cert' }),
      ],
    },
    {
      name: 'foreign-issuer',
      what: 'a foreign issuer',
      tokens: [es({}, { ...claims, iss: 'https://issuer.sallyport-audit.example' })],
    },
    {
      name: 'expired',
      what: 'a time that is over',
      tokens: [es({}, { ...claims, iat: nowSeconds - 7200, exp: nowSeconds - 3600 })],
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
    { name: 'huge', what: '64 KB', tokens: [es({}, { ...claims, padding: 'a'.repeat(12_000) })] },
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
