/** What a tool of the measured upstream answers with. Sizes are characters of its text, all of them ASCII. */
export const PAYLOAD_CHARS = { small: 300, medium: 10 * 1024, large: 1024 * 1024 } as const
export type PayloadSize = keyof typeof PAYLOAD_CHARS
export type AnswerForm = 'json' | 'sse'

export const MARKER_BEGIN = 'bench:begin '
export const MARKER_END = ' bench:end'

/** Text as tools return it: lines, quotes, numbers; beginning and end are marked, so that a cut answer shows. */
export function payloadText(size: PayloadSize): string {
  const chars = PAYLOAD_CHARS[size]
  let middle = ''
  for (let line = 0; middle.length < chars; line += 1) {
    middle += `${line}: {"path": "src/module-${line % 97}/index.ts", "bytes": ${(line * 7919) % 100_000}}\n`
  }
  return MARKER_BEGIN + middle.slice(0, chars - MARKER_BEGIN.length - MARKER_END.length) + MARKER_END
}

export function toolName(size: PayloadSize, form: AnswerForm): string {
  return `read_${size}_${form}`
}

/** Sends log messages on the call's stream for as long as somebody reads, 64 MiB at most, and then answers. */
export const FLOOD_TOOL = 'read_flood'

/** Answer with the credential that the server was shown: at once or in two pieces, as JSON or as an event stream. */
const PLANTED_TOOLS = [
  'read_planted_whole_json',
  'read_planted_split_json',
  'read_planted_whole_sse',
  'read_planted_split_sse',
] as const
export type PlantedTool = (typeof PLANTED_TOOLS)[number]
export const PLANTED_TOOL_NAMES: readonly PlantedTool[] = PLANTED_TOOLS

export function isPlanted(tool: string): tool is PlantedTool {
  return PLANTED_TOOLS.some((name) => name === tool)
}

export function plantedForm(tool: PlantedTool): { readonly isSplit: boolean; readonly isStream: boolean } {
  return { isSplit: tool.includes('_split_'), isStream: tool.endsWith('_sse') }
}

const TOOL_NAMES: readonly string[] = [
  ...(['small', 'medium', 'large'] as const).flatMap((size) => [toolName(size, 'json'), toolName(size, 'sse')]),
  FLOOD_TOOL,
  ...PLANTED_TOOLS,
]

export function toolDefinitions(): object[] {
  return TOOL_NAMES.map((name) => ({
    name,
    description: 'Reads something of a known size',
    inputSchema: { type: 'object', properties: { query: { type: 'string' } } },
    annotations: { readOnlyHint: true },
  }))
}

/** Arguments that make a request of about 320 bytes. */
export const CALL_ARGUMENTS: Readonly<Record<string, string>> = { query: 'where is the function that '.repeat(7) }
