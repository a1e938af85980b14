import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type RawResponse, ResponseReader } from './response-reader.ts'

/** Where a candidate listens, always on 127.0.0.1. */
export interface Target {
  readonly port: number
  readonly path: string
  /** PEM to believe; null: plain HTTP. */
  readonly ca: string | null
}

/** One kept-alive HTTP/1.1 connection with at most one request under way. */
export class Connection {
  readonly #socket: Socket
  readonly #reader = new ResponseReader()
  #waiting: { resolve(response: RawResponse): void; reject(cause: Error): void } | null = null
  #broken: Error | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      try {
        const response = this.#reader.push(bytes)
        if (response === null) return
        const waiting = this.#waiting
        this.#waiting = null
        if (waiting === null) throw new Error('a response came that nobody asked for')
        waiting.resolve(response)
      } catch (cause) {
        this.#break(cause as Error) // Thrown by the reader or just above.
        socket.destroy()
      }
    })
    socket.on('error', (cause) => this.#break(cause))
    socket.on('close', () => this.#break(new Error('the connection was closed')))
  }

  static open(target: Target): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const host = '127.0.0.1'
      const socket: Socket =
        target.ca === null
          ? connect(target.port, host, () => resolve(new Connection(socket)))
          : connectTls({ host, port: target.port, ca: target.ca }, () => resolve(new Connection(socket)))
      socket.once('error', reject)
    })
  }

  /** Sends a whole request as text and waits for its response. */
  ask(request: string): Promise<RawResponse> {
    if (this.#broken !== null) return Promise.reject(this.#broken)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #break(cause: Error): void {
    this.#broken ??= cause
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.reject(this.#broken)
  }
}
