import { readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** First line of a recording: who talked with whom. */
export interface RecordingHead {
  readonly format: 'sallyport-corpus/1'
  readonly client: string
  readonly server: string
  readonly transport: 'http' | 'stdio'
  /** What the client asked for; the server may have answered with another. */
  readonly revision: string
}

type RawHeaders = readonly (readonly [name: string, value: string])[]

/** What passed the tap, in the order in which it passed. Texts are the bytes read as UTF-8, which the recorder checks to be lossless. */
export type HttpEvent =
  | {
      readonly at: 'request'
      readonly exchange: number
      readonly method: string
      readonly path: string
      readonly headers: RawHeaders
      readonly body: string
    }
  | { readonly at: 'head'; readonly exchange: number; readonly status: number; readonly headers: RawHeaders }
  | { readonly at: 'body'; readonly exchange: number; readonly text: string }
  /** The server ended its answer. */
  | { readonly at: 'end'; readonly exchange: number }
  /** The client hung up before that. */
  | { readonly at: 'left'; readonly exchange: number }

/** One line of a process, without its line end. */
export interface StdioEvent {
  readonly at: 'client' | 'server'
  readonly line: string
}

export type Recording =
  | { readonly head: RecordingHead & { readonly transport: 'http' }; readonly events: readonly HttpEvent[] }
  | { readonly head: RecordingHead & { readonly transport: 'stdio' }; readonly events: readonly StdioEvent[] }

const FOLDER = fileURLToPath(new URL('recordings/', import.meta.url))

export async function recordingNames(): Promise<string[]> {
  return (await readdir(FOLDER))
    .filter((file) => file.endsWith('.jsonl'))
    .map((file) => file.slice(0, -'.jsonl'.length))
    .toSorted()
}

export async function readRecording(name: string): Promise<Recording> {
  const [head, ...events] = (await readFile(`${FOLDER}${name}.jsonl`, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
  // Written by `writeRecording` and reviewed with the change that holds it.
  return { head, events } as Recording
}

export async function writeRecording(name: string, { head, events }: Recording): Promise<void> {
  const text = [head, ...events].map((line) => `${JSON.stringify(line)}\n`).join('')
  await writeFile(`${FOLDER}${name}.jsonl`, text)
}
