/** RFC 9110 §8.3.1. `application/json` with any parameters; a charset may only say what JSON is anyway (RFC 8259 §8.1). */
export function isJsonContentType(header: string | null): boolean {
  if (header === 'application/json') return true
  const [type = '', ...parameters] = (header ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/json') return false
  return parameters.every((parameter) => {
    const [name = '', value = ''] = parameter.split('=')
    return name.trim().toLowerCase() !== 'charset' || /^"?utf-8"?$/i.test(value.trim())
  })
}

/** What clients that keep to the specification send. */
const USUAL_ACCEPT = 'application/json, text/event-stream'

/** RFC 9110 §12.5.1: whether an Accept header lets us answer with this type. No header at all is no: the specification demands one. */
export function accepts(header: string | null, type: 'application/json' | 'text/event-stream'): boolean {
  if (header === USUAL_ACCEPT) return true
  const [family] = type.split('/')
  // The most specific range decides, so `*/*, text/event-stream;q=0` refuses event streams.
  const ranges = (header ?? '').split(',').map(readRange)
  for (const wanted of [type, `${family}/*`, '*/*']) {
    const range = ranges.find(({ name }) => name === wanted)
    if (range !== undefined) return range.isWanted
  }
  return false
}

function readRange(text: string): { readonly name: string; readonly isWanted: boolean } {
  const [name = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  return { name, isWanted: !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter)) }
}
