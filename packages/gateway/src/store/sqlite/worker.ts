import type { DatabaseSync } from 'node:sqlite'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { migrate } from '../sql/migrate.ts'
import { createPorts, PORT_METHODS, type Ports } from '../sql/ports.ts'
import { openDatabase, queriesOver } from './database.ts'
import { toFailure } from './failures.ts'
import { commitTogether, type Outcome } from './group-commit.ts'
import { lockStore } from './lock.ts'
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts'

/** Calls that share one commit. More wait for the next: a commit must not grow without bound while callers wait for it. */
const GROUP_CALLS_MAX = 256

type Call = ToWorker & { kind: 'call' }

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
  const waiting: Call[] = []
  let isClosing = false
  let isBusy = false

  const work = async () => {
    isBusy = true
    while (waiting.length > 0) {
      for (const answer of await answerAll(held.db, ports, waiting.splice(0, GROUP_CALLS_MAX))) say(answer)
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
    else waiting.push(message)
    if (isBusy) return
    isBusy = true
    // After this turn of the event loop, so that every message already delivered joins the group.
    setImmediate(() => void work())
  })
  say({ kind: 'opened' })
}

/** Lock first: a second opener must not touch the database, not even to migrate it. */
async function open({ file, pagesMax }: WorkerOptions): Promise<{ lock: DatabaseSync; db: DatabaseSync }> {
  const lock = lockStore(`${file}.lock`)
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

/** Calls that only look go first, so that they see nothing of the group that is not committed yet. */
async function answerAll(db: DatabaseSync, ports: Ports, calls: readonly Call[]): Promise<readonly FromWorker[]> {
  const answers: FromWorker[] = []
  const writing: Call[] = []
  for (const call of calls) {
    if (isLooking(call)) answers.push(toAnswer(call, await lookAlone(invocation(ports, call))))
    else writing.push(call)
  }
  if (writing.length === 0) return answers
  const outcomes = await commitTogether(
    db,
    writing.map((call) => invocation(ports, call)),
  )
  writing.forEach((call, i) => {
    const outcome = outcomes[i] ?? { ok: false, error: new Error('no outcome') }
    answers.push(toAnswer(call, outcome))
  })
  return answers
}

async function lookAlone(call: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { ok: true, value: await call() }
  } catch (error) {
    return { ok: false, error }
  }
}

function isLooking(call: Call): boolean {
  const methods: Readonly<Record<string, Readonly<Record<string, string>>>> = PORT_METHODS
  return methods[call.port]?.[call.method] === 'looks'
}

function invocation(ports: Ports, call: Call): () => Promise<unknown> {
  // Names and arguments come from open.ts, which builds them from PORT_METHODS and the port's own signature.
  const port = ports[call.port as keyof Ports] as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  return async () => {
    const method = port[call.method]
    if (method === undefined) throw new Error(`no method ${call.port}.${call.method}`)
    return method(...call.args)
  }
}

function toAnswer(call: Call, outcome: Outcome): FromWorker {
  if (outcome.ok) return { kind: 'answered', id: call.id, value: outcome.value }
  return { kind: 'failed', id: call.id, failure: toFailure(outcome.error) }
}
