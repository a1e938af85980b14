/**
 * Thrown inside a port method to undo what it has written so far and still answer with a value: an expected refusal such as a lost
 * race. Whoever runs the method's transaction rolls it back and resolves with `outcome`.
 */
export class RollBack extends Error {
  override readonly name = 'RollBack'
  readonly outcome: unknown

  constructor(outcome: unknown) {
    super('rolled back')
    this.outcome = outcome
  }
}

/** Ends the method with this outcome and without any of its writes. `T` is the method's own result, so that the outcome is checked. */
export function rollBack<T>(outcome: T): never {
  throw new RollBack(outcome)
}
