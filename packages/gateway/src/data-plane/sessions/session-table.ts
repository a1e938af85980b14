import { ok, type Result, refused } from '#core/result.ts'
import { bindingsAgree, type Session, type SessionBinding } from './session.ts'

/** Ends a session that was taken off the table: audit, streams, upstream. */
export type EndSession = (session: Session, reason: string) => Promise<void>

/**
 * The live sessions, bounded in total and per subject and server. Places are taken before a session is opened, because opening one
 * starts a process or a connection.
 */
export class SessionTable {
  readonly #sessionsMax: number
  readonly #end: EndSession
  readonly #byId = new Map<string, Session>()
  /** Places taken by sessions that are being opened. */
  readonly #opening = new Map<string, number>()
  #openingTotal = 0

  constructor(sessionsMax: number, end: EndSession) {
    this.#sessionsMax = sessionsMax
    this.#end = end
  }

  get size(): number {
    return this.#byId.size
  }

  all(): readonly Session[] {
    return [...this.#byId.values()]
  }

  /**
   * Takes a place for a new session. Where the subject has no place left on this server, its session that was idle longest makes
   * room; a session in use never does, and another subject's never does.
   */
  takePlace(binding: SessionBinding, perSubjectMax: number): Result<Place, 'sessionsExhausted'> {
    const key = placeKey(binding)
    const mine = this.all().filter((session) => placeKey(session.binding) === key)
    if (mine.length + (this.#opening.get(key) ?? 0) >= perSubjectMax && !this.#makeRoom(mine)) {
      return refused('sessionsExhausted')
    }
    if (this.#byId.size + this.#openingTotal >= this.#sessionsMax && !this.#makeRoom(mine)) {
      return refused('sessionsExhausted')
    }
    this.#count(key, 1)
    let isOpen = true
    const release = () => {
      if (isOpen) this.#count(key, -1)
      isOpen = false
    }
    return ok({
      fill: (session) => {
        release()
        this.#byId.set(session.id, session)
      },
      release,
    })
  }

  /** The same answer for an id that never was, that ended, and that is somebody else's. */
  find(id: string, binding: SessionBinding): Result<Session, 'unknown' | 'foreign'> {
    const session = this.#byId.get(id)
    if (session === undefined) return refused('unknown')
    return bindingsAgree(session.binding, binding) ? ok(session) : refused('foreign')
  }

  async end(session: Session, reason: string): Promise<void> {
    if (!this.#byId.delete(session.id)) return
    await this.#end(session, reason)
  }

  async endWhere(isOver: (session: Session) => boolean, reason: string): Promise<void> {
    await Promise.all(
      this.all()
        .filter(isOver)
        .map((session) => this.end(session, reason)),
    )
  }

  #makeRoom(candidates: readonly Session[]): boolean {
    const idle = candidates.filter((session) => session.isIdle && !session.isEnded)
    const oldest = idle.toSorted((a, b) => a.usedAtMs - b.usedAtMs)[0]
    if (oldest === undefined) return false
    void this.end(oldest, 'replaced')
    return true
  }

  #count(key: string, by: number): void {
    this.#openingTotal += by
    const count = (this.#opening.get(key) ?? 0) + by
    if (count === 0) this.#opening.delete(key)
    else this.#opening.set(key, count)
  }
}

/** A place on the table, to be filled with the opened session or given back. */
export interface Place {
  fill(session: Session): void
  release(): void
}

function placeKey(binding: SessionBinding): string {
  return `${binding.tenant}\n${binding.subject}\n${binding.server}`
}
