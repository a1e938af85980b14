import { ENGINES } from './engines.ts'
import { ACME, document, entry, grant, NOW } from './samples.ts'

// Writes to the store until it is killed, naming each write on stdout only after it was acknowledged.
const [, , engineName, place] = process.argv
const engine = ENGINES.find((candidate) => candidate.name === engineName)
if (engine === undefined || place === undefined) throw new Error('usage: crash-child ENGINE PLACE')

const store = await engine.openStore(place)
const tell = (line: string) => process.stdout.write(`${line}\n`)

async function append(): Promise<void> {
  for (;;) {
    const record = entry()
    await store.audit.append([record])
    tell(`audit ${record.id}`)
  }
}

async function openAndRevoke(): Promise<void> {
  for (;;) {
    const opened = grant()
    const issued = document({ grantId: opened.grantId })
    const record = entry()
    await store.engine.commit(
      ACME,
      [
        { kind: 'openGrant', grant: opened },
        { kind: 'insert', document: issued },
      ],
      [record],
    )
    tell(`opened ${opened.grantId} ${issued.id} ${record.id}`)
    await store.engine.commit(ACME, [{ kind: 'consume', model: issued.model, id: issued.id, at: NOW }], [])
    tell(`consumed ${issued.id}`)
    await store.grants.revoke(ACME, { grantId: opened.grantId }, 'test', NOW, [])
    tell(`revoked ${opened.grantId}`)
  }
}

async function sequence(): Promise<void> {
  for (;;) {
    for (const placed of await store.audit.sequence(ACME, 10)) tell(`placed ${placed.position} ${placed.id}`)
  }
}

await Promise.all([append(), append(), openAndRevoke(), openAndRevoke(), sequence()])
