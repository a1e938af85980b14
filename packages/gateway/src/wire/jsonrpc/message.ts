/** JSON as we carry it. Numbers that would lose digits are kept as `JSON.rawJSON` objects, which serialise to the text they came as. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject | RawJsonNumber
export interface JsonObject {
  [key: string]: JsonValue
}
/** What `JSON.rawJSON(text)` makes. */
export interface RawJsonNumber {
  readonly rawJSON: string
}

export type MessageId = string | number

/** One JSON-RPC 2.0 message (strictly parsed). `object` is the whole parsed value: unknown fields survive because this is what is re-serialised. */
export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse

export interface JsonRpcRequest {
  readonly kind: 'request'
  readonly id: MessageId
  readonly method: string
  readonly params: JsonObject | null
  readonly object: JsonObject
}

export interface JsonRpcNotification {
  readonly kind: 'notification'
  readonly method: string
  readonly params: JsonObject | null
  readonly object: JsonObject
}

/** `id` is null only on errors about a request that could not be read. */
export interface JsonRpcResponse {
  readonly kind: 'response'
  readonly id: MessageId | null
  readonly isError: boolean
  readonly object: JsonObject
}
