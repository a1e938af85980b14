import { StoreUnavailable, StoreUnsafe } from '../errors.ts'

/** Older ones are not maintained any more, and know no `idle_session_timeout`. */
const VERSION_MIN = 140_000

/** What a new session says about its server. */
export interface ServerFacts {
  readonly version: number
  readonly encoding: string
  readonly fsync: string
  readonly full_page_writes: string
  /** `synchronous_commit` as the server, database or role set it, and as it is in this session now. */
  readonly commit_before: string
  readonly commit: string
  readonly is_standby: boolean
}

/**
 * Refuses a server that would forget what it acknowledged, or cannot hold what it is given. Answers what the operator should change.
 * @throws StoreUnsafe, StoreUnavailable for a standby: behind one name, the primary may answer next time
 */
export function judgeServer(facts: ServerFacts | undefined): readonly string[] {
  if (facts === undefined) throw new StoreUnavailable('the database server did not describe itself')
  if (facts.version < VERSION_MIN) throw new StoreUnsafe('the database server is older than PostgreSQL 14')
  if (facts.encoding !== 'UTF8') throw new StoreUnsafe('the database is not in UTF8: create it with encoding UTF8')
  if (facts.is_standby) throw new StoreUnavailable('the database server is a standby: nothing can be written there')
  // Nothing below the server can make up for it.
  if (facts.fsync !== 'on') throw new StoreUnsafe('the database server runs with fsync off and would forget commits')
  if (facts.commit === 'off') throw new StoreUnsafe('synchronous_commit cannot be switched on')
  const warnings: string[] = []
  if (facts.commit_before === 'off')
    warnings.push('the database server has synchronous_commit off; our own sessions switch it on')
  if (facts.full_page_writes !== 'on')
    warnings.push(
      'the database server has full_page_writes off: a power cut may damage it, unless its disk writes whole pages',
    )
  return warnings
}
