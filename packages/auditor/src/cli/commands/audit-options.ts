import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidArgumentError } from 'commander'
import type { LoopbackPerson } from '#audit/login/loopback-person.ts'
import type { AuditOptions, CanaryUpstream, SafeCall } from '#audit/options.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { versionOfPackage } from '../version.ts'
import type { FORMATS } from './formats.ts'

/** What the command line says. */
export interface Options {
  readonly server?: string
  readonly public?: true
  readonly login: number
  readonly deviceLogin: number
  readonly register?: true
  readonly tokenFile: readonly string[]
  readonly clientId?: string
  readonly clientSecretFile?: string
  readonly otherResource?: string
  readonly foreignTokenFile: readonly string[]
  readonly safeCall: readonly SafeCall[]
  readonly upstreamPort?: number
  readonly rps: number
  readonly timeout: number
  readonly patience: number
  readonly ca?: string
  readonly format: keyof typeof FORMATS
  readonly output?: string
  readonly failOn: string
  readonly baseline?: string
  readonly writeBaseline?: string
  readonly record?: string
  readonly previous?: string
  readonly watch?: number
  readonly runs: number
}

export function optionsOf(
  url: string,
  options: Options,
  { people, upstream }: { readonly people: readonly LoopbackPerson[]; readonly upstream: CanaryUpstream | null },
  cwd: string,
  tell: (line: string) => void,
): AuditOptions {
  const { clientId, clientSecretFile } = options
  const redirectUri = people[0]?.redirectUri ?? 'http://127.0.0.1/callback'
  const secret = clientSecretFile === undefined ? null : readText(cwd, clientSecretFile)
  return {
    url,
    isPublic: options.public === true,
    mayWrite: options.register === true || (people.length + options.deviceLogin > 0 && clientId === undefined),
    people,
    tokens: options.tokenFile.map((file) => readText(cwd, file)),
    devices: options.deviceLogin,
    client: clientId === undefined ? null : { id: clientId, secret, redirectUri },
    otherResource: options.otherResource ?? null,
    foreignTokens: options.foreignTokenFile.map((file) => readText(cwd, file)),
    safeCalls: options.safeCall,
    upstream,
    requestsPerSecond: options.rps,
    timeoutMs: options.timeout * 1000,
    authority: options.ca === undefined ? null : readText(cwd, options.ca),
    patienceSeconds: options.patience,
    wait: (ms) => sleep(ms),
    version: versionOfPackage(),
    startedAt: new Date(),
    progress: tell,
  }
}

export function readText(cwd: string, file: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8').trim()
  } catch (cause) {
    throw new CliFailure(EXIT.usage, `${file} can't be read.`, { cause })
  }
}

export function parseUrl(value: string): string {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError('An http or https URL is needed.')
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw new InvalidArgumentError('A URL with a password or a fragment in it is not taken.')
  // The URL as it was written: what the metadata says is compared with it character by character.
  return value
}

export function parsePeople(value: string): number {
  if (value !== '1' && value !== '2') throw new InvalidArgumentError('One person or two.')
  return Number(value)
}

export function parseCount(value: string): number {
  if (!/^\d{1,5}$/.test(value)) throw new InvalidArgumentError('A number is needed.')
  return Number(value)
}

export function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}

/** `name`, or `name={"argument": 1}`. */
export function collectSafeCall(value: string, previous: readonly SafeCall[]): readonly SafeCall[] {
  const split = value.indexOf('=')
  const name = split === -1 ? value : value.slice(0, split)
  const given = split === -1 ? {} : parseObject(value.slice(split + 1))
  if (name === '' || given === null) throw new InvalidArgumentError('name, or name={"argument": "value"}, is needed.')
  return [...previous, { name, arguments: given }]
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
