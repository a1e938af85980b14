import { describe, expect, test } from 'vitest'
import { asServerId, asSubjectId, asTenantId } from '#core/ids.ts'
import { Secret } from '#core/secret.ts'
import type { StdioUpstream } from '#core/snapshot.ts'
import { childArguments, childEnvironment, userDirectory, usesUserDirectory } from './child-environment.ts'

const owner = { tenant: asTenantId('default'), subject: asSubjectId('0190-aa'), server: asServerId('memory') }

describe('the folder of a user', () => {
  test('is named by tenant, subject and server', () => {
    expect(userDirectory('/state', owner)).toEqual({ ok: true, value: '/state/users/default/0190-aa/memory' })
  })

  test.each(['..', '.', '', 'a/b', 'a\\b', 'a\0b', '../../etc', 'x'.repeat(65)])(
    'an id like %j is refused',
    (subject) => {
      expect(userDirectory('/state', { ...owner, subject: asSubjectId(subject) }).ok).toBe(false)
    },
  )
})

test('a child gets PATH, a private home, and what its entry says; nothing else', () => {
  const spec: StdioUpstream = {
    kind: 'stdio',
    command: 'x',
    args: [],
    cwd: null,
    env: new Map<string, string | Secret>([
      ['FILE', '${userDir}/memory.json'],
      ['KEY', new Secret('hidden')],
    ]),
  }
  expect(childEnvironment(spec, { searchPath: '/bin', privateDir: '/private', userDir: '/users/u' })).toEqual({
    PATH: '/bin',
    HOME: '/private',
    TMPDIR: '/private',
    FILE: '/users/u/memory.json',
    KEY: 'hidden',
  })
})

test('the folder of the user stands in arguments too; a path with dollar signs stays what it is', () => {
  const spec: StdioUpstream = {
    kind: 'stdio',
    command: 'x',
    args: ['--db', '${userDir}/a:${userDir}/b', 'plain'],
    cwd: null,
    env: new Map<string, string | Secret>([['KEY', new Secret('pass${userDir}word')]]),
  }
  expect(usesUserDirectory(spec)).toBe(true)
  expect(childArguments(spec, '/u/$&')).toEqual(['--db', '/u/$&/a:/u/$&/b', 'plain'])
  expect(childEnvironment(spec, { searchPath: '/bin', privateDir: '/p', userDir: '/u' })['KEY']).toBe(
    'pass${userDir}word',
  )
  expect(usesUserDirectory({ ...spec, args: ['plain'] })).toBe(false)
})
