import type { DatabaseSync } from 'node:sqlite'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { migrate } from '../sql/migrate.ts'
import { createPorts, PORT_METHODS, type Ports } from '../sql/ports.ts'
import { openDatabase, queriesOver } from './database.ts'
import { toFailure } from './failures.ts'
import { commitTogether, type Outcome } from './group-commit.ts'
import { joinAppends } from './join-appends.ts'
import { lockStore } from './lock.ts'
import type { FromWorker, StoreAnswer, StoreCall, ToWorker, WorkerOptions } from './messages.ts'
import { lockFileOf } from './prepare-files.ts'

/** Calls that share one commit. More wait for the next: a commit must not grow without bound while callers wait for it. */
const GROUP_CALLS_MAX = 256

// The store worker: the only code that has the database open. It is started by open.ts and by nothing else.
if (parentPort !== null) await serve(parentPort, workerData as WorkerOptions) // open.ts passes exactly this.

async function serve(main: MessagePort, options: WorkerOptions): Promise<void> {
  const say = (message: FromWorker) => main.postMessage(message)
  let held: { lock: DatabaseSync; db: DatabaseSync }
  try {
    held = await open(options)
  } catch (error) {
    say({ kind: 'notOpened', failure: toFailure(error) })
    return
  }
  const ports = createPorts(queriesOver(held.db))
  const waiting: StoreCall[] = []
  let isClosing = false
  let isBusy = false

  const work = async () => {
    isBusy = true
    while (waiting.length > 0) {
      await answerAll(held.db, ports, waiting.splice(0, GROUP_CALLS_MAX), (answers) =>
        say({ kind: 'answers', answers }),
      )
    }
    isBusy = false
    if (!isClosing) return
    held.db.close()
    held.lock.close()
    say({ kind: 'closed' })
    main.close()
  }
  main.on('message', (message: ToWorker) => {
    if (message.kind === 'close') isClosing = true
    else waiting.push(...message.calls)
    if (isBusy) return
    isBusy = true
    // After this turn of the event loop, so that every message already delivered joins the group.
    setImmediate(() => void work())
  })
  say({ kind: 'opened' })
}

/** Lock first: a second opener must not touch the database, not even to migrate it. */
async function open({ file, pagesMax }: WorkerOptions): Promise<{ lock: DatabaseSync; db: DatabaseSync }> {
  const lock = lockStore(lockFileOf(file))
  try {
    const db = openDatabase(file, pagesMax)
    try {
      db.exec('begin exclusive')
      await migrate(queriesOver<unknown>(db))
      db.exec('commit')
      return { lock, db }
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    lock.close()
    throw error
  }
}

/** Calls that only look go first, so that they see nothing of the group that is not committed yet, and wait for no disk. */
async function answerAll(
  db: DatabaseSync,
  ports: Ports,
  calls: readonly StoreCall[],
  say: (answers: readonly StoreAnswer[]) => void,
): Promise<void> {
  const looked: StoreAnswer[] = []
  const writing: StoreCall[] = []
  for (const call of calls) {
    if (isLooking(call)) looked.push(toAnswer(call, await lookAlone(invocation(ports, call))))
    else writing.push(call)
  }
  if (looked.length > 0) say(looked)
  if (writing.length > 0) say(await writeAll(db, ports, writing))
}

async function writeAll(db: DatabaseSync, ports: Ports, calls: readonly StoreCall[]): Promise<StoreAnswer[]> {
  const run = (call: StoreCall) => invocation(ports, call)
  const units = joinAppends(calls, run, ports.audit)
  const outcomes = await commitTogether(
    db,
    units.map((unit) => unit.run),
  )
  const answers: StoreAnswer[] = []
  for (const [index, unit] of units.entries()) {
    const outcome = outcomes[index] ?? NO_OUTCOME
    // One of several that were run as one is to blame, and only that one shall fail.
    const mustPart = !outcome.ok && unit.calls.length > 1
    const own = mustPart ? await commitTogether(db, unit.calls.map(run)) : unit.calls.map(() => outcome)
    for (const [at, call] of unit.calls.entries()) answers.push(toAnswer(call, own[at] ?? NO_OUTCOME))
  }
  return answers
}

const NO_OUTCOME: Outcome = { ok: false, error: new Error('no outcome') }

async function lookAlone(call: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { ok: true, value: await call() }
  } catch (error) {
    return { ok: false, error }
  }
}

function isLooking(call: StoreCall): boolean {
  const methods: Readonly<Record<string, Readonly<Record<string, string>>>> = PORT_METHODS
  return methods[call.port]?.[call.method] === 'looks'
}

function invocation(ports: Ports, call: StoreCall): () => Promise<unknown> {
  // Names and arguments come from open.ts, which builds them from PORT_METHODS and the port's own signature.
  const port = ports[call.port as keyof Ports] as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  return async () => {
    const method = port[call.method]
    if (method === undefined) throw new Error(`no method ${call.port}.${call.method}`)
    return method(...call.args)
  }
}

function toAnswer({ id }: StoreCall, outcome: Outcome): StoreAnswer {
  return outcome.ok ? { id, isOk: true, value: outcome.value } : { id, isOk: false, failure: toFailure(outcome.error) }
}
