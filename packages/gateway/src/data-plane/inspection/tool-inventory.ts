import { classifyTool } from '@sallyport/inspect'
import type { ServerEntry } from '#core/snapshot.ts'
import { TOOL_CLASSES, type ToolClass } from '#core/tool-classes.ts'
import type { JsonObject, JsonValue } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { type MirroredParam, readMirroredParams } from '#wire/mcp/mirrored-headers.ts'
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
 * called that nobody listed, and void when the upstream says that its tools changed. Only what was found out about a tool is kept: the
 * operator's word on it is asked for anew with every call, because the configuration may have changed since the session began.
 */
export class ToolInventory {
  readonly #listPage: ListPage
  readonly #limits: InventoryLimits
  readonly #known = new Map<string, KnownTool>()
  #listing: Promise<void> | null = null
  /** Rises when everything known becomes void, so that a listing that began earlier cannot bring it back. */
  #era = 0

  constructor(listPage: ListPage, limits: InventoryLimits) {
    this.#listPage = listPage
    this.#limits = limits
  }

  /** Null for a tool that the upstream does not list. Rejects when the upstream cannot be asked. */
  async classOf(tool: string, server: ServerEntry): Promise<ToolClass | null> {
    // A name that no listing may hold is not worth asking the upstream for.
    if (!nameIsSound(tool)) return null
    const known = this.#known.get(tool)
    if (known !== undefined) return server.toolClasses.get(tool) ?? known.toolClass
    await this.#list()
    const found = this.#known.get(tool)
    return found === undefined ? null : (server.toolClasses.get(tool) ?? found.toolClass)
  }

  /** Which of its parameters a known tool wants repeated in headers; null where nobody can tell or the tool does not exist. */
  mirroredOf(tool: string): readonly MirroredParam[] | null {
    return this.#known.get(tool)?.mirrored ?? null
  }

  /** Forgets everything and asks anew. */
  async refresh(): Promise<void> {
    this.clear()
    await this.#list()
  }

  async #list(): Promise<void> {
    this.#listing ??= this.#listAll().finally(() => {
      this.#listing = null
    })
    await this.#listing
  }

  /** The tools of one listing that are well formed, each once, with the class by which they are judged. */
  learn(listed: JsonValue | undefined, server: ServerEntry): readonly ListedTool[] {
    return this.#note(listed).map((tool) => ({
      ...tool,
      toolClass: server.toolClasses.get(tool.name) ?? tool.toolClass,
    }))
  }

  #note(listed: JsonValue | undefined): readonly ListedTool[] {
    if (!Array.isArray(listed)) return []
    const tools = new Map<string, ListedTool>()
    for (const definition of listed) {
      if (!isJsonObject(definition)) continue
      const name = definition['name']
      if (typeof name !== 'string' || !nameIsSound(name) || !isJsonObject(definition['inputSchema'])) continue
      const found = classifyTool({ ...definition, name }).toolClass
      // Two definitions of one name: nobody could know which one is meant. The first is shown, the graver class is needed.
      const before = tools.get(name)
      const mirrored = readMirroredParams(definition['inputSchema'])
      if (before === undefined) tools.set(name, { name, toolClass: found, mirrored, definition })
      else tools.set(name, { ...before, toolClass: graver(before.toolClass, found) })
    }
    for (const { name, toolClass, mirrored } of tools.values()) {
      const known = this.#known.get(name)
      // Within one listing of several pages, or listed again without a word of change: a class rises and does not fall.
      if (known !== undefined) this.#known.set(name, { toolClass: graver(known.toolClass, toolClass), mirrored })
      else if (this.#known.size < this.#limits.toolsMax) this.#known.set(name, { toolClass, mirrored })
    }
    return [...tools.values()]
  }

  clear(): void {
    this.#era += 1
    this.#known.clear()
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
      this.#note(result['tools'])
      const next: JsonValue | undefined = result['nextCursor']
      if (typeof next !== 'string' || next === cursor) return true
      cursor = next
    }
    return true
  }
}

interface KnownTool {
  readonly toolClass: ToolClass
  /** Null: its annotations break the rules, so a client of 2026-07-28 must not see it. */
  readonly mirrored: readonly MirroredParam[] | null
}

export interface ListedTool extends KnownTool {
  readonly name: string
  readonly definition: JsonObject
}

/** `TOOL_CLASSES` is in order of severity. */
function graver(a: ToolClass, b: ToolClass): ToolClass {
  return TOOL_CLASSES.indexOf(a) >= TOOL_CLASSES.indexOf(b) ? a : b
}

function nameIsSound(name: string): boolean {
  return name.length > 0 && name.length <= TOOL_NAME_CHARS_MAX && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(name)
}
