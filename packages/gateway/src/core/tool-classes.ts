/** What a tool can do, from harmless to far-reaching. The order is the order of severity used when evidence disagrees. */
export const TOOL_CLASSES = ['read', 'write', 'send', 'destructive', 'execute', 'financial', 'admin'] as const
export type ToolClass = (typeof TOOL_CLASSES)[number]

export function isToolClass(value: string): value is ToolClass {
  return (TOOL_CLASSES as readonly string[]).includes(value)
}
