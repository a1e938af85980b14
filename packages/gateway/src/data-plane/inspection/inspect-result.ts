import { ok, type Result, refused } from '#core/result.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { roleAllows } from '#policy/decide.ts'
import type { JsonObject, MessageId } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import type { Refusal } from '../refusal.ts'
import { textHolds } from './find-credential.ts'
import { outwardError } from './outward-error.ts'
import type { ToolInventory } from './tool-inventory.ts'

export interface ResultContext {
  readonly method: string
  readonly id: MessageId
  readonly server: ServerEntry
  readonly snapshot: Snapshot
  /** Live roles of the subject, at the time of the answer. */
  readonly roles: readonly string[]
  readonly inventory: ToolInventory
  /** Texts of our own credential at this upstream. */
  readonly credentialTexts: readonly string[]
}

/**
 * Judges an upstream's response before it is printed for the client. `object` carries the client's id already. A listing of tools is
 * cut to what the subject's roles allow, token scopes apart: a tool that only needs a step-up stays visible.
 */
export function inspectResult(object: JsonObject, context: ResultContext): Result<string, Refusal> {
  const { id } = context
  const result = object['result']
  const shown =
    context.method === 'tools/list' && isJsonObject(result)
      ? { ...object, result: { ...result, tools: allowedTools(result, context) } }
      : outwardError(object, context.server.upstream)
  const text = printJson(shown)
  if (Buffer.byteLength(text) > context.server.limits.responseBytesMax) {
    return refused({ name: 'resultRefused', reason: 'resultTooLarge', id })
  }
  // An upstream that gives our credential away would hand the inner door's key to the caller.
  if (textHolds(text, context.credentialTexts)) {
    return refused({ name: 'resultRefused', reason: 'credentialInResult', id })
  }
  return ok(text)
}

function allowedTools(result: JsonObject, context: ResultContext): JsonObject[] {
  const { inventory, server, snapshot, roles } = context
  return inventory
    .learn(result['tools'], server)
    .filter(({ toolClass, name }) => roleAllows(snapshot, roles, server, toolClass, name))
    .map(({ definition }) => definition)
}
