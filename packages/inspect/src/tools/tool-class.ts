/** From harmless to far-reaching; when evidence disagrees, the later class wins. */
export const TOOL_CLASSES = ['read', 'write', 'send', 'destructive', 'execute', 'financial', 'admin'] as const
export type ToolClass = (typeof TOOL_CLASSES)[number]

/** Whether `a` reaches at least as far as `b`. */
export function reachesAsFar(a: ToolClass, b: ToolClass): boolean {
  return TOOL_CLASSES.indexOf(a) >= TOOL_CLASSES.indexOf(b)
}
