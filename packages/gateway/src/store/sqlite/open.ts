import { Worker } from 'node:worker_threads'
import { StoreFailure } from '../errors.ts'
import type { HintsPort } from '../ports/hints.ts'
import { leadAlone } from '../ports/leads.ts'
import type { Store } from '../ports/store.ts'
import { PORT_METHODS, type Ports } from '../sql/ports.ts'
import type { WorkerOptions } from './messages.ts'
import { prepareFiles } from './prepare-files.ts'
import { StoreCalls } from './store-calls.ts'

export interface SqliteStoreOptions {
  /** Created with its folder when missing. */
  readonly file: string
  /** Largest size in pages of 4 KiB; beyond it writes are refused as on a full disk. Absent: as large as SQLite allows. */
  readonly pagesMax?: number
}

/**
 * Opens the store in a worker thread of its own and brings its schema up to date.
 * @throws StoreInUse, StoreTooNew, or StoreFailure when the file cannot be read as a store.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  let file: string
  try {
    file = await prepareFiles(options.file)
  } catch (cause) {
    throw new StoreFailure('the files of the store could not be created', { cause })
  }
  const workerOptions: WorkerOptions = { file, pagesMax: options.pagesMax ?? null }
  const worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url), {
    name: 'sallyport-store',
    workerData: workerOptions,
  })
  const calls = new StoreCalls(worker)
  await calls.opened
  const ports = portsOver(calls)
  return {
    ...ports,
    hints: NOBODY_ELSE,
    leads: leadAlone(ports.audit),
    // Whoever calls in turn within this process, which is the only one, has the turn.
    turns: { take: (work) => work() },
    lost: calls.lost,
    close: () => calls.close(),
  }
}

/** The store is this process's alone, and whoever changes it knows. */
const NOBODY_ELSE: HintsPort = { subscribe: () => () => undefined, send: () => undefined }

function portsOver(calls: StoreCalls): Ports {
  const ports = Object.entries(PORT_METHODS).map(([port, methods]) => [
    port,
    Object.fromEntries(
      Object.keys(methods).map((method) => [method, (...args: unknown[]) => calls.call(port, method, args)]),
    ),
  ])
  // PORT_METHODS names every port and method of Ports (the compiler checks it there), and the worker calls the same method.
  return Object.fromEntries(ports) as Ports
}
