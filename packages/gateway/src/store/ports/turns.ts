/**
 * For steps that are made of several calls of ports, where one must not fall between the calls of another: an administrator's change that
 * holds only if nothing changed since they looked. One at a time in all processes on the store.
 */
export interface TurnsPort {
  /** Runs `work` when it is its turn. Rejects, with nothing run, when that does not come in time. */
  take<T>(work: () => Promise<T>): Promise<T>
}
