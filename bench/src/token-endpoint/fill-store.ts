import { DatabaseSync } from 'node:sqlite'

/**
 * Fills a stopped gateway's store with as many live grants as asked for, each with its refresh token, all copied from those of one login.
 * They are of nobody: what matters is that they are in the way.
 */
export function fillStore(file: string, grants: number): void {
  const db = new DatabaseSync(file)
  try {
    const wanted = grants - Number(db.prepare('select count(*) as n from grants').get()?.['n'] ?? 0)
    if (wanted <= 0) return
    db.exec('begin immediate')
    const highest = Number(db.prepare('select max(number) as n from grants').get()?.['n'] ?? 0)
    copyRows(db, 'grants', 'revoked_at is null', wanted, {
      grant_id: (at) => `filler-${highest + at}`,
      number: (at) => highest + at,
      subject: (at) => `filler-${highest + at}`,
    })
    copyRows(db, 'engine_documents', "model = 'RefreshToken' and consumed_at is null", wanted, {
      id: (at) => `filler-${highest + at}`,
      grant_id: (at) => `filler-${highest + at}`,
      account_id: (at) => `filler-${highest + at}`,
    })
    db.prepare("update counters set value = ? where name = 'grants' and tenant <> ''").run(highest + wanted)
    db.exec('commit')
    db.exec('analyze')
  } finally {
    db.close()
  }
}

function copyRows(
  db: DatabaseSync,
  table: 'grants' | 'engine_documents',
  where: string,
  count: number,
  own: Readonly<Record<string, (at: number) => string | number>>,
): void {
  const row = db.prepare(`select * from ${table} where ${where} limit 1`).get()
  if (row === undefined) throw new Error(`there is nothing to copy in ${table}`)
  const columns = Object.keys(row)
  const insert = db.prepare(
    `insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`,
  )
  for (let at = 1; at <= count; at += 1)
    insert.run(...columns.map((column) => own[column]?.(at) ?? row[column] ?? null))
}
