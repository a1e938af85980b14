/**
 * JSON as it stands on the wire: members in their order, each number as its text, each value with its place in the text. Our own reading,
 * apart from the product's, so that a fault of the one cannot hide in the other.
 */
export type Node =
  | { readonly type: 'object'; readonly members: readonly Member[]; readonly from: number; readonly to: number }
  | { readonly type: 'array'; readonly items: readonly Node[]; readonly from: number; readonly to: number }
  | { readonly type: 'string'; readonly value: string; readonly from: number; readonly to: number }
  /** Number, `true`, `false` or `null`, as written. */
  | { readonly type: 'word'; readonly text: string; readonly from: number; readonly to: number }

type Member = readonly [key: string, value: Node]
export type Path = readonly string[]

/** Reads valid JSON; throws on anything else. Duplicate keys are kept, each in its place. */
export function readWire(text: string): Node {
  const reader = new Reader(text)
  const node = reader.value()
  reader.end()
  return node
}

/** One line, without spaces, strings in one spelling: equal for two texts that differ in spacing and escapes alone. */
export function printWire(node: Node): string {
  switch (node.type) {
    case 'object':
      return `{${node.members.map(([key, value]) => `${JSON.stringify(key)}:${printWire(value)}`).join(',')}}`
    case 'array':
      return `[${node.items.map(printWire).join(',')}]`
    case 'string':
      return JSON.stringify(node.value)
    case 'word':
      return node.text
  }
}

/** The same, one member a line, for people who read a difference. */
export function layOut(node: Node, indent = ''): string {
  const inner = `${indent}  `
  if (node.type === 'object' && node.members.length > 0) {
    const lines = node.members.map(([key, value]) => `${inner}${JSON.stringify(key)}: ${layOut(value, inner)}`)
    return `{\n${lines.join(',\n')}\n${indent}}`
  }
  if (node.type === 'array' && node.items.length > 0) {
    return `[\n${node.items.map((item) => inner + layOut(item, inner)).join(',\n')}\n${indent}]`
  }
  return printWire(node)
}

/** The value at the end of the path; null where there is none. */
export function at(node: Node, path: Path): Node | null {
  let found: Node | null = node
  for (const key of path) {
    if (found?.type !== 'object') return null
    found = found.members.find(([name]) => name === key)?.[1] ?? null
  }
  return found
}

/** The text value at the end of the path; null for anything but a string. */
export function textAt(node: Node, path: Path): string | null {
  const found = at(node, path)
  return found?.type === 'string' ? found.value : null
}

/** The same node with another value at the path; null takes the member away. A member that was not there comes last. */
export function withAt(node: Node, path: Path, value: Node | null): Node {
  const [key, ...rest] = path
  if (key === undefined) return value ?? node
  if (node.type !== 'object') return node
  const existing = node.members.find(([name]) => name === key)
  if (existing === undefined) {
    return rest.length > 0 || value === null ? node : { ...node, members: [...node.members, [key, value]] }
  }
  return {
    ...node,
    members: node.members.flatMap((member): Member[] => {
      if (member !== existing) return [member]
      if (rest.length > 0) return [[key, withAt(member[1], rest, value)]]
      return value === null ? [] : [[key, value]]
    }),
  }
}

/** The text with other text in the place of one node: everything else stays as it was written. */
export function replaceIn(text: string, node: Node, by: string): string {
  return text.slice(0, node.from) + by + text.slice(node.to)
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(): Node {
    this.#space()
    const from = this.#at
    const first = this.#text[this.#at]
    if (first === '{') {
      const members = this.#list('}', (): Member => {
        this.#space()
        const key = this.#string()
        this.#space()
        this.#expect(':')
        return [key, this.value()]
      })
      return { type: 'object', members, from, to: this.#at }
    }
    if (first === '[') {
      const items = this.#list(']', () => this.value())
      return { type: 'array', items, from, to: this.#at }
    }
    if (first === '"') return { type: 'string', value: this.#string(), from, to: this.#at }
    const word = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/.exec(
      this.#text.slice(from, from + 400),
    )
    if (word === null) throw new Error(`no JSON at ${from}`)
    this.#at += word[0].length
    return { type: 'word', text: word[0], from, to: this.#at }
  }

  end(): void {
    this.#space()
    if (this.#at !== this.#text.length) throw new Error(`more than one JSON value, at ${this.#at}`)
  }

  #list<T>(close: string, item: () => T): T[] {
    const items: T[] = []
    this.#at += 1
    this.#space()
    if (this.#text[this.#at] === close) {
      this.#at += 1
      return items
    }
    for (;;) {
      items.push(item())
      this.#space()
      if (this.#text[this.#at] === close) {
        this.#at += 1
        return items
      }
      this.#expect(',')
    }
  }

  #string(): string {
    const from = this.#at
    this.#expect('"')
    while (this.#text[this.#at] !== '"') {
      if (this.#at >= this.#text.length) throw new Error(`a string has no end, at ${from}`)
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    }
    this.#at += 1
    return JSON.parse(this.#text.slice(from, this.#at)) as string
  }

  #expect(character: string): void {
    if (this.#text[this.#at] !== character) throw new Error(`${character} expected at ${this.#at}`)
    this.#at += 1
  }

  #space(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? '-')) this.#at += 1
  }
}
