import { constants, type FileHandle, lstat, open, realpath } from 'node:fs/promises'
import { dirname, relative, sep } from 'node:path'
import type { ConfigFormat } from './clients/client.ts'

const MiB = 1024 * 1024
/** Larger files are refused: Claude Code's own file reaches some megabytes, the others are written by hand. */
export const CONFIG_BYTES_MAX: Readonly<Record<ConfigFormat, number>> = {
  json: 16 * MiB,
  yaml: MiB / 4,
  toml: MiB,
}

export type FileProblem =
  | 'brokenLink'
  | 'linkLeavesFolder'
  | 'notRegular'
  | 'notReadable'
  | 'tooLarge'
  | 'notUtf8'
  | 'changedWhileRead'

export type FileRead =
  | { readonly kind: 'read'; readonly text: string; readonly isLink: boolean; readonly isOpenToOthers: boolean }
  | { readonly kind: 'missing' }
  | { readonly kind: 'problem'; readonly problem: FileProblem }

/**
 * Reads a configuration file as data. `folder` is where it was looked for: a symbolic link is followed as long as it
 * ends inside, because people keep such files in a repository of their own; one that leaves is named and not followed.
 * Pipes, devices and sockets are refused without waiting for them.
 */
export async function readConfigFile(folder: string, path: string, bytesMax: number): Promise<FileRead> {
  const link = await lstat(path).catch((error: unknown) => codeOf(error))
  if (typeof link === 'string') return isAbsent(link) ? { kind: 'missing' } : refused('notReadable')
  const real = await realpath(path).catch(() => null)
  if (real === null) return refused(link.isSymbolicLink() ? 'brokenLink' : 'notReadable')
  const isLink = link.isSymbolicLink()
  if (isLink && !(await isInside(folder, real))) return refused('linkLeavesFolder')
  let handle: FileHandle
  try {
    // O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. O_NOFOLLOW: what was looked at is what is opened.
    handle = await open(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0))
  } catch (error) {
    return refused(codeOf(error) === 'ELOOP' ? 'changedWhileRead' : refusalOfOpen(codeOf(error)))
  }
  try {
    return await readOpened(handle, bytesMax, isLink)
  } finally {
    await handle.close()
  }
}

async function readOpened(handle: FileHandle, bytesMax: number, isLink: boolean): Promise<FileRead> {
  const stats = await handle.stat()
  if (!stats.isFile()) return refused('notRegular')
  if (stats.size > bytesMax) return refused('tooLarge')
  // One byte more than allowed, so that a file that grows is noticed and never read on; procfs files have size 0.
  const bytes = new Uint8Array(Math.min(bytesMax, Math.max(stats.size, 64 * 1024)) + 1)
  let length = 0
  while (length < bytes.length) {
    const read = await handle.read(bytes, length, bytes.length - length, null).catch(() => null)
    if (read === null) return refused('notReadable')
    if (read.bytesRead === 0) break
    length += read.bytesRead
  }
  if (length === bytes.length) return refused(length > bytesMax ? 'tooLarge' : 'changedWhileRead')
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length))
    return { kind: 'read', text, isLink, isOpenToOthers: process.platform !== 'win32' && (stats.mode & 0o004) !== 0 }
  } catch {
    return refused('notUtf8')
  }
}

async function isInside(folder: string, real: string): Promise<boolean> {
  const base = await realpath(folder).catch(() => null)
  if (base === null) return false
  const way = relative(base, dirname(real))
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsoluteWay(way)
}

/** On Windows the way to another drive is absolute. */
function isAbsoluteWay(way: string): boolean {
  return way.startsWith(sep) || /^[A-Za-z]:/.test(way)
}

function refusalOfOpen(code: string): FileProblem {
  // ENXIO: a socket, or a device without a driver.
  return code === 'ENXIO' || code === 'EOPNOTSUPP' ? 'notRegular' : 'notReadable'
}

function isAbsent(code: string): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function refused(problem: FileProblem): FileRead {
  return { kind: 'problem', problem }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}
