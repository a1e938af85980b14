/** What the main thread and the store worker say to each other. Everything here survives a structured clone. */
export interface WorkerOptions {
  readonly file: string
  readonly pagesMax: number | null
}

export type ToWorker =
  | {
      readonly kind: 'call'
      readonly id: number
      readonly port: string
      readonly method: string
      readonly args: unknown[]
    }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'opened' }
  | { readonly kind: 'notOpened'; readonly failure: Failure }
  | { readonly kind: 'answered'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: Failure }
  | { readonly kind: 'closed' }

/** An error on its way between threads. `detail` is for the log only: SQLite's own words. */
export interface Failure {
  readonly kind: 'inUse' | 'tooNew' | 'cursorInvalid' | 'broken'
  readonly detail: string
}
