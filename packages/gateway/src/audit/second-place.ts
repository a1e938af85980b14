import { appendFile, open } from 'node:fs/promises'
import { systemErrorCode } from '#core/system-error.ts'
import { openCheckpoint } from './checkpoint.ts'

/** The newest note lies in here: a note has well under 1 KiB. */
const TAIL_BYTES = 8 * 1024

/** A signed note as it was left outside the store. */
export interface WitnessedCheckpoint {
  readonly size: number
  readonly note: string
}

/**
 * The newest whole note in the second place of checkpoints; null if there is none. A store that was rolled back or cut, checkpoints and
 * all, does not fit it. A note that a crash tore is passed over; one that is whole and not ours is answered with its size unknown (0), so
 * that the verifier sees it.
 */
export async function newestWitness(file: string, verifierKey: string): Promise<WitnessedCheckpoint | null> {
  const note = lastNote(await readTail(file))
  if (note === null) return null
  const opened = openCheckpoint(note, verifierKey)
  return { note, size: 'problem' in opened ? 0 : opened.size }
}

/** A crash may have torn the last note. What comes next must begin on a line of its own, or it would be taken for part of that one. */
export async function endTornNote(file: string): Promise<void> {
  const tail = await readTail(file)
  if (tail !== '' && !tail.endsWith('\n\n')) await appendFile(file, '\n\n')
}

/** A whole note: a signature has 4 + 64 bytes, so a torn one does not look like this. */
const WHOLE_NOTE = /(?:^|\n)[^\n]+\n\d+\n[A-Za-z0-9+/=]+\n\n(?:— \S+ [A-Za-z0-9+/]{91}=\n)+(?=\n)/g

function lastNote(text: string): string | null {
  const notes = text.match(WHOLE_NOTE)
  return notes?.at(-1)?.replace(/^\n/, '') ?? null
}

async function readTail(path: string): Promise<string> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'r')
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return ''
    throw cause
  }
  try {
    const { size } = await file.stat()
    const from = Math.max(0, size - TAIL_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from)
    return buffer.subarray(0, bytesRead).toString('utf8')
  } finally {
    await file.close()
  }
}
