import { ok, type Result, refused } from '#core/result.ts'
import type { Secret } from '#core/secret.ts'
import type { JsonObject } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { isPermit, type Permit } from '../authorization/authorize.ts'
import type { Refusal } from '../refusal.ts'
import { textHolds } from './find-credential.ts'
import { type Onward, onwardMessage } from './onward-message.ts'

/** A message that may be sent to the upstream. Only `inspectArguments` makes one, only from a Permit; `Link` takes nothing else. */
class ClearedMessage {
  readonly #made = true
  readonly permit: Permit
  /** The message as it may be sent, under the client's own ids. */
  readonly object: JsonObject

  constructor(permit: Permit, object: JsonObject) {
    this.permit = permit
    this.object = object
    Object.freeze(this)
  }

  static isMade(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #made in value
  }
}
// Otherwise `cleared.constructor` would be a way to make another.
Reflect.deleteProperty(ClearedMessage.prototype, 'constructor')

export type Cleared = ClearedMessage

/** For those who send: a look-alike object is a bug or an attack, so it throws. */
export function requireCleared(value: Cleared): void {
  if (!ClearedMessage.isMade(value)) throw new TypeError('a message that was not cleared cannot be sent')
}

export interface InspectionContext {
  /** The token by which this request came in. It opens the outer door and stops there. */
  readonly bearer: Secret
  /** Texts of our own credential at this upstream: who sends one has it from somewhere it should not be. */
  readonly credentialTexts: readonly string[]
  /** What a modern request says anew on its next hop; null for the legacy era. */
  readonly onward: Onward | null
}

/** Judges what a client sends before it leaves: size, depth and form are settled; what is left is what it must not carry. */
export function inspectArguments(permit: Permit, context: InspectionContext): Result<Cleared, Refusal> {
  if (!isPermit(permit)) throw new TypeError('a message without a permit cannot be cleared')
  const { message } = permit
  const id = message.kind === 'request' ? message.id : null
  const { onward } = context
  // A bug of ours: what one hop says of itself would be told to the next.
  if ((permit.era === 'modern') !== (onward !== null)) throw new TypeError('a message is inspected by its own era')
  const object =
    onward !== null
      ? onwardMessage(message.object, onward)
      : message.kind === 'request'
        ? withoutTask(message.object)
        : message.object
  const text = printJson(object)
  if (textHolds(text, [context.bearer.reveal()]))
    return refused({ name: 'argumentsRefused', reason: 'bearerInArguments', id })
  if (textHolds(text, context.credentialTexts)) {
    return refused({ name: 'argumentsRefused', reason: 'credentialInArguments', id })
  }
  return ok(new ClearedMessage(permit, object))
}

/**
 * 2025-11-25, tasks: a receiver that did not declare tasks processes the request normally and ignores the augmentation. We do not
 * declare them, so the upstream must not see it.
 */
function withoutTask(object: JsonObject): JsonObject {
  const params = object['params']
  if (!isJsonObject(params) || !Object.hasOwn(params, 'task')) return object
  const { task: _, ...rest } = params
  return { ...object, params: rest }
}
