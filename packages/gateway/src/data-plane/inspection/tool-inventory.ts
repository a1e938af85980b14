import { classifyTool } from '@sallyport/inspect'
import type { ServerEntry } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import type { JsonObject, JsonValue } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import type { DataPlaneLimits } from '../limits.ts'

/** MCP, tool names: up to 128 characters; we take any printable text, because older servers name tools as they like. */
const TOOL_NAME_CHARS_MAX = 256

/** A server whose list keeps changing under our eyes has, for this call, no such tool. */
const LISTINGS_MAX = 3

/** One page of the upstream's `tools/list`, asked for by the gateway; null when it has none. Rejects when it did not answer. */
export type ListPage = (cursor: JsonValue | null) => Promise<JsonObject | null>

export type InventoryLimits = Pick<DataPlaneLimits, 'toolPagesMax' | 'toolsMax'>

/**
 * What one session's upstream says its tools are, as classes. Learned from every listing that passes, asked for once when a tool is
 * called that nobody listed, and void when the upstream says that its tools changed.
 */
export class ToolInventory {
  readonly #server: ServerEntry
  readonly #listPage: ListPage
  readonly #limits: InventoryLimits
  readonly #classes = new Map<string, ToolClass>()
  #listing: Promise<void> | null = null
  /** Rises when everything known becomes void, so that a listing that began earlier cannot bring it back. */
  #era = 0

  constructor(server: ServerEntry, listPage: ListPage, limits: InventoryLimits) {
    this.#server = server
    this.#listPage = listPage
    this.#limits = limits
  }

  /** Null for a tool that the upstream does not list. Rejects when the upstream cannot be asked. */
  async classOf(tool: string): Promise<ToolClass | null> {
    const known = this.#classes.get(tool)
    if (known !== undefined) return known
    this.#listing ??= this.#listAll().finally(() => {
      this.#listing = null
    })
    await this.#listing
    return this.#classes.get(tool) ?? null
  }

  /** The tools of one listing that are well formed, each once, with the class by which they are judged. */
  learn(listed: JsonValue | undefined): readonly ListedTool[] {
    if (!Array.isArray(listed)) return []
    const tools = new Map<string, ListedTool>()
    for (const definition of listed) {
      if (!isJsonObject(definition)) continue
      const name = definition['name']
      if (typeof name !== 'string' || !nameIsSound(name) || !isJsonObject(definition['inputSchema'])) continue
      // Two definitions of one name: the caller could not know which one is meant. The first stands.
      if (tools.has(name)) continue
      tools.set(name, { name, toolClass: this.#classify(name, definition), definition })
    }
    for (const { name, toolClass } of tools.values()) {
      if (this.#classes.size < this.#limits.toolsMax || this.#classes.has(name)) this.#classes.set(name, toolClass)
    }
    return [...tools.values()]
  }

  clear(): void {
    this.#era += 1
    this.#classes.clear()
  }

  #classify(name: string, definition: JsonObject): ToolClass {
    return this.#server.toolClasses.get(name) ?? classifyTool({ ...definition, name }).toolClass
  }

  /** A list that changes while it is read is read again: servers announce changes just when a session starts. */
  async #listAll(): Promise<void> {
    for (let attempt = 0; attempt < LISTINGS_MAX; attempt += 1) {
      if (await this.#listPages()) return
    }
  }

  /** False if what was known became void meanwhile. */
  async #listPages(): Promise<boolean> {
    const era = this.#era
    let cursor: JsonValue | null = null
    for (let page = 0; page < this.#limits.toolPagesMax; page += 1) {
      const result: JsonObject | null = await this.#listPage(cursor)
      if (era !== this.#era) return false
      if (result === null) return true
      this.learn(result['tools'])
      const next: JsonValue | undefined = result['nextCursor']
      if (typeof next !== 'string' || next === cursor) return true
      cursor = next
    }
    return true
  }
}

export interface ListedTool {
  readonly name: string
  readonly toolClass: ToolClass
  readonly definition: JsonObject
}

function nameIsSound(name: string): boolean {
  return name.length > 0 && name.length <= TOOL_NAME_CHARS_MAX && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(name)
}
