/** What the main thread and the store worker say to each other. Everything here survives a structured clone. */
export interface WorkerOptions {
  readonly file: string
  readonly pagesMax: number | null
}

export interface StoreCall {
  readonly id: number
  readonly port: string
  readonly method: string
  readonly args: unknown[]
}

export type StoreAnswer =
  | { readonly id: number; readonly isOk: true; readonly value: unknown }
  | { readonly id: number; readonly isOk: false; readonly failure: Failure }

/** Calls and answers travel together: waking a thread costs more than most of what it is woken for. */
export type ToWorker = { readonly kind: 'calls'; readonly calls: readonly StoreCall[] } | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'opened' }
  | { readonly kind: 'notOpened'; readonly failure: Failure }
  | { readonly kind: 'answers'; readonly answers: readonly StoreAnswer[] }
  | { readonly kind: 'closed' }

/** An error on its way between threads. `detail` is for the log only: SQLite's own words. */
export interface Failure {
  readonly kind: 'inUse' | 'tooNew' | 'cursorInvalid' | 'writerEnded' | 'broken'
  readonly detail: string
}
