import type { Worker } from 'node:worker_threads'
import { StoreFailure } from '../errors.ts'
import { toError } from './failures.ts'
import type { FromWorker, StoreAnswer, StoreCall, ToWorker } from './messages.ts'

/** Calls under way at once, waiting ones included. Beyond it calls are refused, so that a slow disk cannot fill the memory. */
const STORE_CALLS_PENDING_MAX = 4096

interface PendingCall {
  readonly what: string
  resolve(value: unknown): void
  reject(error: Error): void
}

/**
 * Calls on their way to the worker and back. When the worker dies, everything under way and everything later is refused.
 * What is called in one turn of the event loop goes together, and while the worker is at it the next calls gather: a worker that waits for
 * its disk then commits all of them at once.
 */
export class StoreCalls {
  readonly opened: Promise<void>
  /** Resolves when the worker has ended though nobody closed it; it does not come back. */
  readonly lost: Promise<StoreFailure>
  readonly #worker: Worker
  readonly #pending = new Map<number, PendingCall>()
  readonly #exited: Promise<void>
  /** Not sent yet. */
  #gathered: StoreCall[] = []
  /** Sent and not answered yet. */
  #atWorker = 0
  #isSendDue = false
  #lastId = 0
  #broken: StoreFailure | null = null
  #isClosing = false

  constructor(worker: Worker) {
    this.#worker = worker
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    this.lost = new Promise((resolve) => {
      worker.once('exit', () => {
        if (!this.#isClosing) resolve(this.#broken ?? new StoreFailure('the store worker ended'))
      })
    })
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
      this.#pending.set(id, { what, resolve, reject })
      this.#gathered.push({ id, port, method, args })
      if (this.#atWorker > 0 || this.#isSendDue) return
      this.#isSendDue = true
      setImmediate(() => this.#sendGathered())
    })
  }

  /** Calls already made are finished and answered; later ones are refused. Safe to call twice. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#broken === null) {
      this.#broken = new StoreFailure('the store is closed')
      this.#sendGathered()
      this.#send({ kind: 'close' })
    }
    await this.#exited
  }

  #receive(message: FromWorker): void {
    if (message.kind !== 'answers') return
    for (const answer of message.answers) this.#settle(answer)
    if (this.#atWorker === 0) this.#sendGathered()
  }

  #settle(answer: StoreAnswer): void {
    const call = this.#pending.get(answer.id)
    if (call === undefined) return
    this.#pending.delete(answer.id)
    this.#atWorker -= 1
    if (answer.isOk) call.resolve(answer.value)
    else call.reject(toError(answer.failure, `the store could not complete ${call.what}`))
  }

  #sendGathered(): void {
    this.#isSendDue = false
    if (this.#gathered.length === 0) return
    const calls = this.#gathered
    this.#gathered = []
    this.#atWorker += calls.length
    try {
      this.#send({ kind: 'calls', calls })
    } catch {
      // One of them cannot be cloned, which is its caller's bug; the others must not share its fate.
      this.#atWorker -= calls.length
      for (const call of calls) this.#sendAlone(call)
    }
  }

  #sendAlone(call: StoreCall): void {
    try {
      this.#send({ kind: 'calls', calls: [call] })
      this.#atWorker += 1
    } catch (cause) {
      const pending = this.#pending.get(call.id)
      this.#pending.delete(call.id)
      pending?.reject(new StoreFailure(`the arguments of ${pending.what} cannot be passed on`, { cause }))
    }
  }

  #break(failure: StoreFailure): StoreFailure {
    this.#broken ??= failure
    for (const call of this.#pending.values()) call.reject(failure)
    this.#pending.clear()
    this.#gathered = []
    return failure
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }
}
