/** JSON lets these stand in strings as they are, but `readline` of Node, `splitlines` of Python and others end a line at them. */
const LINE_ENDS = /[\u0085\u2028\u2029]/g

/**
 * Printed JSON for whoever reads it by lines: a process, or a reader of events. The same value; only the characters beyond line feed and
 * carriage return that some take for line ends are escaped, so that a message cannot be cut in two inside one of its strings.
 */
export function printLine(json: string): string {
  return json.replace(LINE_ENDS, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
