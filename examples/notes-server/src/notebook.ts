import { randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'

export const NOTES_MAX = 1_000
export const TITLE_CHARACTERS_MAX = 200
export const TEXT_CHARACTERS_MAX = 10_000

const noteSchema = z.object({
  id: z.string(),
  title: z.string().max(TITLE_CHARACTERS_MAX),
  text: z.string().max(TEXT_CHARACTERS_MAX),
  /** Milliseconds since the epoch. */
  addedAtMs: z.number(),
})

export type Note = z.infer<typeof noteSchema>
/** What happened to which note, for those who listen. */
export type NotebookChange = { readonly kind: 'added' | 'deleted'; readonly id: string }

export interface Notebook {
  /** Oldest first. */
  list(): readonly Note[]
  get(id: string): Note | undefined
  /** Notes whose title or text holds the query, whatever the case. */
  search(query: string): readonly Note[]
  /** Null when the notebook is full. */
  add(title: string, text: string): Promise<Note | null>
  /** False when there is no such note. */
  delete(id: string): Promise<boolean>
  /** Calls back after each change; returns a function that ends that. */
  onChange(listener: (change: NotebookChange) => void): () => void
}

/** Opens the notebook kept in a JSON file, or one in memory. A file that is not a notebook is an error, not a new start. */
export async function openNotebook(file: string | null): Promise<Notebook> {
  const notes = new Map((file === null ? [] : await readNotes(file)).map((note) => [note.id, note]))
  const listeners = new Set<(change: NotebookChange) => void>()
  let lastWrite = Promise.resolve()

  const settle = async (change: NotebookChange): Promise<void> => {
    if (file !== null) {
      const write = () => writeNotes(file, [...notes.values()])
      // One write after the other, also after one that failed; each caller learns about its own.
      const mine = lastWrite.then(write, write)
      lastWrite = mine.catch(() => undefined)
      await mine
    }
    for (const listener of listeners) listener(change)
  }

  return {
    list: () => [...notes.values()],
    get: (id) => notes.get(id),
    search: (query) => {
      const sought = query.toLowerCase()
      return [...notes.values()].filter((note) => `${note.title}\n${note.text}`.toLowerCase().includes(sought))
    },
    async add(title, text) {
      if (notes.size >= NOTES_MAX) return null
      const note: Note = { id: randomUUID(), title, text, addedAtMs: Date.now() }
      notes.set(note.id, note)
      await settle({ kind: 'added', id: note.id })
      return note
    },
    async delete(id) {
      if (!notes.delete(id)) return false
      await settle({ kind: 'deleted', id })
      return true
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

async function readNotes(file: string): Promise<Note[]> {
  try {
    return z
      .array(noteSchema)
      .max(NOTES_MAX)
      .parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
    throw new Error(`reading the notebook ${file}`, { cause })
  }
}

/** Through a second file, so that a crash leaves the old notebook or the new one. */
async function writeNotes(file: string, notes: readonly Note[]): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(notes, null, 2)}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
}
