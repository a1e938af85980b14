/** The outcome of something that may be refused. Refusals are values; only bugs and broken machines throw. */
export type Result<T, R> = Ok<T> | Refused<R>

export interface Ok<T> {
  readonly ok: true
  readonly value: T
}

export interface Refused<R> {
  readonly ok: false
  readonly refusal: R
}

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value }
}

export function refused<R>(refusal: R): Refused<R> {
  return { ok: false, refusal }
}
