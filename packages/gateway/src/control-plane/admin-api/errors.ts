/** Stable codes: callers branch on them, so one is never renamed or given another meaning. */
export const ERROR_STATUS = {
  invalidInput: 400,
  invalidCursor: 400,
  unauthenticated: 401,
  forbidden: 403,
  insufficientScope: 403,
  originForbidden: 403,
  notFound: 404,
  usernameTaken: 409,
  clientNotPending: 409,
  clientInConfiguration: 409,
  tokensFull: 409,
  tokenNotLive: 409,
  keysFull: 409,
  keyNotLive: 409,
  keyRotatedMeanwhile: 409,
  signingKeyMissing: 409,
  signingKeysChanged: 409,
  userDisabled: 409,
  linkTaken: 409,
  providerUnreachable: 502,
  idempotencyKeyReused: 409,
  preconditionFailed: 412,
  bodyTooLarge: 413,
  mediaTypeUnsupported: 415,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof ERROR_STATUS

export interface AdminError {
  readonly code: ErrorCode
  /** One or two sentences, safe to show. */
  readonly message: string
  /** For invalidInput: which fields, and why. */
  readonly problems?: readonly { readonly path: string; readonly message: string }[]
}

/** The body of every answer that is not a success. */
export interface ErrorBody {
  readonly error: AdminError & { readonly requestId: string }
}

export function adminError(code: ErrorCode, message: string): AdminError {
  return { code, message }
}

/** The same words whether it is not there or not the caller's to see. */
export function notFound(what: string): AdminError {
  return adminError('notFound', `There is no such ${what}.`)
}
