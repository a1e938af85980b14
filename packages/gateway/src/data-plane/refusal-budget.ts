import type { Clock } from '#core/clock.ts'
import type { GrantId } from '#core/ids.ts'
import { FloodGate } from './flood-gate.ts'

/** Refusals of one grant per minute that each get a record of their own. A client that means well is refused a few times. */
const REFUSALS_PER_MINUTE_MAX = 120
/** Grants watched at once; the one that was refused longest ago is forgotten first. */
const GRANTS_MAX = 10_000

/** Which refusals of known callers are recorded one by one: a client in a loop, or a thief, must not fill the disk. */
export class RefusalBudget {
  readonly #clock: Clock
  readonly #gates = new Map<GrantId, FloodGate>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  allows(grant: GrantId): boolean {
    const gate = this.#gates.get(grant) ?? new FloodGate(REFUSALS_PER_MINUTE_MAX, () => this.#clock.monotonicMs())
    this.#gates.delete(grant)
    this.#gates.set(grant, gate)
    const [oldest] = this.#gates.keys()
    if (this.#gates.size > GRANTS_MAX && oldest !== undefined) this.#gates.delete(oldest)
    return gate.pass() === 'passes'
  }
}
