import type { Principal } from '#identity/principal.ts'
import { UPSTREAM_CONNECTIONS_MAX } from '#net/upstream-pool.ts'

/** Standing streams may take at most this share of the connections to one server, so that calls always find one. */
const PER_SERVER_MAX = UPSTREAM_CONNECTIONS_MAX / 2

/** How many listen: bounded per server, and per subject on a server whatever clients they use. */
export class ListenerPlaces {
  readonly #perSubjectMax: number
  readonly #taken = new Map<string, number>()

  constructor(perSubjectMax: number) {
    this.#perSubjectMax = perSubjectMax
  }

  /** Gives the place back when called, once or more often; null when there is none. */
  take({ tenant, subject }: Pick<Principal, 'tenant' | 'subject'>, server: string): (() => void) | null {
    const all = JSON.stringify([server])
    const mine = JSON.stringify([server, tenant, subject])
    if (this.#count(all) >= PER_SERVER_MAX || this.#count(mine) >= this.#perSubjectMax) return null
    this.#add(all, 1)
    this.#add(mine, 1)
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      this.#add(all, -1)
      this.#add(mine, -1)
    }
  }

  #count(key: string): number {
    return this.#taken.get(key) ?? 0
  }

  #add(key: string, by: number): void {
    const count = this.#count(key) + by
    if (count === 0) this.#taken.delete(key)
    else this.#taken.set(key, count)
  }
}
