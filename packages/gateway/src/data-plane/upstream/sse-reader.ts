/** One Server-Sent Event as an upstream sent it. */
export interface UpstreamEvent {
  /** Null when the event had no `id` field. */
  readonly id: string | null
  readonly type: string
  readonly data: string
}

const ID_CHARS_MAX = 1_024
/** A server may not make us come back in a tight loop, nor never. */
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 60_000

/**
 * Reads an event stream (WHATWG HTML §9.2.6) in chunks. Strict: invalid UTF-8 and events above `bytesMax` are refused with null, after
 * which the stream cannot be read on. Comments are skipped; an event that the end of the stream cuts off is dropped.
 */
export class SseReader {
  readonly #bytesMax: number
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #rest = ''
  #data: string[] = []
  #size = 0
  #type = ''
  #id: string | null = null
  #retryMs: number | null = null
  #endsWithReturn = false

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The wait before reconnecting that the server asked for, bounded. */
  get retryMs(): number | null {
    return this.#retryMs
  }

  push(chunk: Uint8Array): UpstreamEvent[] | null {
    let text: string
    try {
      text = this.#decoder.decode(chunk, { stream: true })
    } catch {
      return null
    }
    if (text === '') return []
    // A CR at the end of one chunk and the LF at the start of the next are one line end.
    if (this.#endsWithReturn && text.startsWith('\n')) text = text.slice(1)
    this.#endsWithReturn = text.endsWith('\r')
    const events: UpstreamEvent[] = []
    if (!/[\r\n]/.test(text)) {
      this.#rest += text
      return this.#size + this.#rest.length > this.#bytesMax ? null : events
    }
    const lines = (this.#rest + text).split(/\r\n|\n|\r/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') this.#dispatch(events)
      else if (!this.#field(line)) return null
    }
    return this.#size + this.#rest.length > this.#bytesMax ? null : events
  }

  #dispatch(events: UpstreamEvent[]): void {
    const isPriming = this.#data.length === 1 && this.#data[0] === ''
    if (this.#data.length > 0 || this.#id !== null) {
      events.push({
        id: this.#id,
        type: this.#type === '' ? 'message' : this.#type,
        data: isPriming ? '' : this.#data.join('\n'),
      })
    }
    this.#data = []
    this.#size = 0
    this.#type = ''
    this.#id = null
  }

  #field(line: string): boolean {
    const colon = line.indexOf(':')
    if (colon === 0) return true
    const name = colon < 0 ? line : line.slice(0, colon)
    const raw = colon < 0 ? '' : line.slice(colon + 1)
    const value = raw.startsWith(' ') ? raw.slice(1) : raw
    if (name === 'data') {
      this.#data.push(value)
      // Each line costs something even when it is empty, or empty lines without end would cost all there is.
      this.#size += value.length + 1
      return this.#size <= this.#bytesMax
    }
    if (name === 'event') this.#type = value.slice(0, ID_CHARS_MAX)
    // Sent back to the server as a header later: only what a header may hold is kept.
    else if (name === 'id' && value.length <= ID_CHARS_MAX && /^[\x20-\x7e]*$/.test(value)) this.#id = value
    else if (name === 'retry' && /^[0-9]{1,9}$/.test(value))
      this.#retryMs = Math.max(RETRY_MS_MIN, Math.min(Number(value), RETRY_MS_MAX))
    return true
  }
}
