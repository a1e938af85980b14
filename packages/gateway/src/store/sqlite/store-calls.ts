import type { Worker } from 'node:worker_threads'
import { StoreFailure } from '../errors.ts'
import { toError } from './failures.ts'
import type { FromWorker, ToWorker } from './messages.ts'

/** Calls under way at once, waiting ones included. Beyond it calls are refused, so that a slow disk cannot fill the memory. */
const STORE_CALLS_PENDING_MAX = 4096

interface PendingCall {
  readonly what: string
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Calls on their way to the worker and back. When the worker dies, everything under way and everything later is refused. */
export class StoreCalls {
  readonly opened: Promise<void>
  readonly #worker: Worker
  readonly #pending = new Map<number, PendingCall>()
  readonly #exited: Promise<void>
  #lastId = 0
  #broken: StoreFailure | null = null

  constructor(worker: Worker) {
    this.#worker = worker
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    this.opened = new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'opened') resolve()
        else if (message.kind === 'notOpened') reject(toError(message.failure, 'the store could not be opened'))
        else this.#receive(message)
      })
      worker.on('error', (cause) => {
        reject(this.#break(new StoreFailure('the store worker stopped', { cause })))
      })
      worker.on('exit', () => {
        reject(this.#break(new StoreFailure('the store is closed')))
      })
    })
  }

  call(port: string, method: string, args: unknown[]): Promise<unknown> {
    const what = `${port}.${method}`
    if (this.#broken !== null) return Promise.reject(new StoreFailure(this.#broken.message, { cause: this.#broken }))
    if (this.#pending.size >= STORE_CALLS_PENDING_MAX) {
      return Promise.reject(new StoreFailure(`the store has too many calls under way to take ${what}`))
    }
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#send({ kind: 'call', id, port, method, args })
      this.#pending.set(id, { what, resolve, reject })
    })
  }

  /** Calls already made are finished and answered; later ones are refused. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#broken === null) {
      this.#broken = new StoreFailure('the store is closed')
      this.#send({ kind: 'close' })
    }
    await this.#exited
  }

  #receive(message: FromWorker): void {
    if (message.kind !== 'answered' && message.kind !== 'failed') return
    const call = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    if (message.kind === 'answered') call?.resolve(message.value)
    else call?.reject(toError(message.failure, `the store could not complete ${call.what}`))
  }

  #break(failure: StoreFailure): StoreFailure {
    this.#broken ??= failure
    for (const call of this.#pending.values()) call.reject(failure)
    this.#pending.clear()
    return failure
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }
}
