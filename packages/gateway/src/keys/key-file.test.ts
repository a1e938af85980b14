import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KeyFileUnsafe, readOrCreateKeyFile } from './key-file.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-keys-'))
  file = join(folder, 'a.key')
})
afterEach(() => rm(folder, { recursive: true }))

const random32 = () => randomBytes(32)

it('eight first starts at once agree on one key and leave nothing else behind', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => readOrCreateKeyFile(file, random32)))
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1)
  expect(await readdir(folder)).toEqual(['a.key'])
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

it('an existing key is read, never replaced', async () => {
  await writeFile(file, 'existing', { mode: 0o600 })
  expect(Buffer.from(await readOrCreateKeyFile(file, random32)).toString()).toBe('existing')
})

it.each([0o640, 0o604, 0o660, 0o644, 0o620, 0o602])('a key file of mode %o is refused', async (mode) => {
  await writeFile(file, 'existing', { mode: 0o600 })
  await chmod(file, mode)
  await expect(readOrCreateKeyFile(file, random32)).rejects.toThrow(KeyFileUnsafe)
})

it('a symbolic link, a folder, an empty and an oversized file are refused', async () => {
  await writeFile(join(folder, 'real'), 'existing', { mode: 0o600 })
  await symlink(join(folder, 'real'), join(folder, 'link'))
  await writeFile(join(folder, 'empty'), '', { mode: 0o600 })
  await writeFile(join(folder, 'large'), Buffer.alloc(4097), { mode: 0o600 })
  for (const name of ['link', '.', 'empty', 'large']) {
    await expect(readOrCreateKeyFile(join(folder, name), random32), name).rejects.toThrow(KeyFileUnsafe)
  }
})

it('a key that another start finished first is taken, and ours is thrown away', async () => {
  const key = await readOrCreateKeyFile(file, () => {
    writeFileSync(file, 'theirs', { mode: 0o600 })
    return random32()
  })
  expect(Buffer.from(key).toString()).toBe('theirs')
  expect(await readdir(folder)).toEqual(['a.key'])
})

it('a pipe is refused at once, not waited for', async () => {
  expect(spawnSync('mkfifo', ['-m', '600', file]).status).toBe(0)
  await expect(readOrCreateKeyFile(file, random32)).rejects.toThrow('not a plain file')
})
