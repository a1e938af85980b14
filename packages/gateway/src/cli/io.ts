import type { Readable, Writable } from 'node:stream'
import { printable, printableJson } from './printable.ts'

/** The streams a command may use; main.ts hands in the real ones. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown }
  readonly stdout: Writable
  readonly stderr: Writable
  /** Folder that relative paths start from; absent: that of the process. */
  readonly cwd?: string
}

/** Writes for people or, with `--json`, for programs. Whatever is data is made printable here and nowhere else. */
export interface Printer {
  readonly isJson: boolean
  /** One line of our own words; `values` are data. */
  line(template: TemplateStringsArray, ...values: readonly (string | number)[]): void
  /** Items: a table whose columns are these readings of an item, or with `--json` the items as they are. */
  list<T>(items: readonly T[], columns: Columns<T>): void
  /** Label and value, one a line. */
  facts(facts: readonly (readonly [string, string | number | null])[]): void
  json(value: unknown): void
}

export function createPrinter(io: CliIo, isJson: boolean): Printer {
  const write = (text: string) => void io.stdout.write(`${text}\n`)
  return {
    isJson,
    line: (template, ...values) =>
      write(String.raw({ raw: template }, ...values.map((value) => printable(String(value))))),
    list: (items, columns) => {
      if (isJson) write(printableJson(items))
      else for (const row of tableOf(items, columns)) write(row)
    },
    facts: (facts) => {
      const width = Math.max(...facts.map(([label]) => label.length))
      for (const [label, value] of facts) write(`${pad(label, width)}  ${printable(String(value ?? '-'))}`)
    },
    json: (value) => write(printableJson(value)),
  }
}

type Columns<T> = Readonly<Record<string, (item: T) => string | number | null>>

function tableOf<T>(items: readonly T[], columns: Columns<T>): string[] {
  const readings = Object.values(columns)
  const rows = [
    Object.keys(columns),
    ...items.map((item) => readings.map((read) => printable(String(read(item) ?? '-')))),
  ]
  const widths = readings.map((_, at) => rows.reduce((widest, row) => Math.max(widest, [...(row[at] ?? '')].length), 0))
  return rows.map((row) =>
    row
      .map((cell, at) => pad(cell, widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - [...text].length))
}
