import { readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseDocument } from 'yaml'
import { type Result, refused } from '#core/result.ts'
import { type LoadedConfiguration, type LoadOptions, loadConfiguration } from './load.ts'
import type { ConfigurationProblem } from './problem.ts'

/**
 * Writes a tenant into the configuration file, or with `file` null takes it out; comments and everything else stay as they are. What would be bad is not
 * written: the new text is checked beside the file, with all that it refers to, and takes its place by renaming. The tenant's own file is the caller's.
 */
export async function editTenant(
  options: LoadOptions,
  name: string,
  file: string | null,
): Promise<Result<LoadedConfiguration, ConfigurationProblem[]>> {
  // Before anything is touched: of a file that is bad already nobody knows what it means.
  const before = await loadConfiguration(options)
  if (!before.ok) return before
  const place = await realpath(options.file)
  const document = parseDocument(await readFile(place, 'utf8'))
  if (file === null) document.deleteIn(['tenants', name])
  else document.setIn(['tenants', name, 'file'], file)
  const { mode } = await stat(place)
  // Relative paths in it start from its folder.
  const draft = join(dirname(place), `.sallyport-${process.pid}.yaml`)
  try {
    await writeFile(draft, document.toString({ lineWidth: 0 }), { flag: 'wx', mode: mode & 0o777 })
    const after = await loadConfiguration({ ...options, file: draft })
    if (!after.ok)
      return refused(
        after.refusal.map((problem) => ({ ...problem, file: problem.file === draft ? place : problem.file })),
      )
    await rename(draft, place)
    return after
  } finally {
    await rm(draft, { force: true })
  }
}
