import type { Site } from '../site.ts'

/** A tool as `tools/list` tells it, and the scope that its call needs. */
export interface Tool {
  readonly name: string
  readonly scope: string
  readonly definition: Record<string, unknown>
}

const TEXT = {
  type: 'object',
  properties: { text: { type: 'string' } },
  required: ['text'],
  additionalProperties: false,
}
const ID = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'], additionalProperties: false }

export const TOOLS: readonly Tool[] = [
  tool('read_note', 'notes:read', 'Reads one of your notes.', ID, { readOnlyHint: true }),
  tool('write_note', 'notes:write', 'Writes a note.', TEXT, { readOnlyHint: false, destructiveHint: false }),
  tool('delete_note', 'notes:delete', 'Deletes one of your notes.', ID, { readOnlyHint: false, destructiveHint: true }),
]

function tool(name: string, scope: string, description: string, inputSchema: object, annotations: object): Tool {
  return { name, scope, definition: { name, description, inputSchema, annotations } }
}

/** What a caller with these scopes is told of: nothing that it may not call. */
export function visibleTools(site: Site, scopes: readonly string[]): readonly Tool[] {
  return site.flawed('lists-every-tool-and-runs-it') ? TOOLS : TOOLS.filter(({ scope }) => scopes.includes(scope))
}

export function argumentsFit({ definition }: Tool, values: unknown): boolean {
  const { properties, required } = definition['inputSchema'] as {
    properties: Record<string, { type: string }>
    required: string[]
  }
  if (typeof values !== 'object' || values === null) return false
  const given = Object.entries(values)
  if (!required.every((name) => given.some(([key]) => key === name))) return false
  return given.every(([key, value]) =>
    properties[key]?.type === 'integer' ? Number.isInteger(value) : properties[key]?.type === typeof value,
  )
}
