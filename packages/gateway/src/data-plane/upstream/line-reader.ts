const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Cuts a byte stream into lines of at most `bytesMax` bytes. Holds at most one unfinished line. */
export class LineReader {
  readonly #bytesMax: number
  #parts: Uint8Array[] = []
  #size = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The lines that this chunk completes, without their line ends; null once a line is too long, and then the stream cannot be read on. */
  push(chunk: Uint8Array): Uint8Array[] | null {
    const lines: Uint8Array[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (this.#size + end - from > this.#bytesMax) return null
      this.#keep(chunk.subarray(from, end))
      lines.push(this.#take())
      from = end + 1
    }
    this.#keep(chunk.subarray(from))
    return this.#size > this.#bytesMax ? null : lines
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return
    this.#parts.push(part)
    this.#size += part.length
  }

  #take(): Uint8Array {
    const [first] = this.#parts
    const line = this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts)
    this.#parts = []
    this.#size = 0
    return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
  }
}
