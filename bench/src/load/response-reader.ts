/** One HTTP/1.1 response, whole. */
export interface RawResponse {
  readonly status: number
  readonly contentType: string
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')
const CRLF = Buffer.from('\r\n')
const HEAD_BYTES_MAX = 64 * 1024

interface Head {
  readonly status: number
  readonly headers: Map<string, string>
  /** Null: chunked. */
  readonly length: number | null
}

/**
 * Takes the bytes of one connection apart into responses, one at a time, as cheaply as a load generator must. Only for servers that the
 * benchmark started itself: it is strict where it looks and looks at little. Throws on what it does not understand.
 */
export class ResponseReader {
  #rest: Buffer = Buffer.alloc(0)
  #head: Head | null = null
  #parts: Buffer[] = []
  #missing = 0
  /** Inside a chunked body: bytes of the current chunk still to come, its line end included; -1 where a size line is due. */
  #inChunk = -1

  /** The response that these bytes complete, if they do. Nothing may follow it: there is no pipelining here. */
  push(bytes: Buffer): RawResponse | null {
    let data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    this.#rest = Buffer.alloc(0)
    if (this.#head === null) {
      const end = data.indexOf(HEAD_END)
      if (end === -1) {
        if (data.length > HEAD_BYTES_MAX) throw new Error('the response has no end to its head')
        this.#rest = data
        return null
      }
      this.#head = readHead(data.toString('latin1', 0, end))
      this.#missing = this.#head.length ?? 0
      data = data.subarray(end + HEAD_END.length)
    }
    const isWhole = this.#head.length === null ? this.#readChunks(data) : this.#readLength(data)
    return isWhole ? this.#finish(this.#head) : null
  }

  #readLength(data: Buffer): boolean {
    if (data.length > this.#missing) throw new Error('the response is longer than it said')
    if (data.length > 0) this.#parts.push(data)
    this.#missing -= data.length
    return this.#missing === 0
  }

  #readChunks(data: Buffer): boolean {
    let at = 0
    while (at < data.length) {
      if (this.#inChunk === -1) {
        const end = data.indexOf(CRLF, at)
        if (end === -1) break
        const size = Number.parseInt(data.toString('latin1', at, end), 16)
        if (!Number.isInteger(size)) throw new Error('the response has a chunk without a size')
        if (size === 0) {
          // The empty trailer's line may come with the next bytes.
          if (data.length < end + 2 * CRLF.length) break
          return true
        }
        this.#inChunk = size + CRLF.length
        at = end + CRLF.length
      }
      const taken = Math.min(this.#inChunk, data.length - at)
      const content = Math.min(taken, this.#inChunk - CRLF.length)
      if (content > 0) this.#parts.push(data.subarray(at, at + content))
      this.#inChunk -= taken
      at += taken
      if (this.#inChunk === 0) this.#inChunk = -1
    }
    this.#rest = data.subarray(at)
    return false
  }

  #finish(head: Head): RawResponse {
    const body = this.#parts.length === 1 && this.#parts[0] !== undefined ? this.#parts[0] : Buffer.concat(this.#parts)
    this.#head = null
    this.#parts = []
    this.#inChunk = -1
    this.#rest = Buffer.alloc(0)
    const { status, headers } = head
    return { status, headers, contentType: headers.get('content-type') ?? '', body }
  }
}

function readHead(text: string): Head {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const status = Number(statusLine.split(' ')[1])
  if (!statusLine.startsWith('HTTP/1.1 ') || !Number.isInteger(status)) throw new Error('the response is not HTTP/1.1')
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  const isChunked = headers.get('transfer-encoding')?.toLowerCase() === 'chunked'
  const length = headers.get('content-length')
  if (!isChunked && length === undefined && status !== 204) throw new Error('the response does not say its length')
  return { status, headers, length: isChunked ? null : Number(length ?? 0) }
}
