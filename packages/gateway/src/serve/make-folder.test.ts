import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeFolder } from './make-folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'make-folder-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

it('makes what is missing on the way, private, and takes what is there', async () => {
  const path = join(folder, 'a', 'b', 'c')
  await makeFolder(path)
  await makeFolder(path)
  expect((await stat(path)).mode & 0o777).toBe(0o700)
})

it('a place where nothing can be made is an error, not a wait without end', async () => {
  await expect(makeFolder('/proc/sallyport/state')).rejects.toMatchObject({ code: expect.stringMatching(/^E/) })
  await writeFile(join(folder, 'file'), '')
  await expect(makeFolder(join(folder, 'file', 'state'))).rejects.toMatchObject({ code: 'ENOTDIR' })
})
