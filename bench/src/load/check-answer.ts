import { MARKER_BEGIN, MARKER_END } from '../payload.ts'
import type { RawResponse } from './response-reader.ts'

export interface Expected {
  readonly id: number
  readonly chars: number
  /** How many log messages come before the answer on its stream; null: no matter. */
  readonly logMessages: number | null
}

/** Null if this is the whole answer to that very request; else what is wrong with it. */
export function checkAnswer(response: RawResponse, expected: Expected): string | null {
  if (response.status !== 200)
    return `status ${response.status}: ${response.body.toString().slice(0, 200).replace(/\s+/g, ' ')}`
  const messages = readMessages(response)
  if (messages === null) return `content type ${response.contentType}`
  const answers = messages.filter((message) => message.method === undefined)
  const [answer] = answers
  if (answer === undefined || answers.length > 1) return `${answers.length} answers`
  if (answer.id !== expected.id) return `the answer to request ${String(answer.id)} instead of ${expected.id}`
  const text = answer.result?.content?.[0]?.text
  if (answer.result?.isError === true || text === undefined) return 'an error instead of a result'
  if (!text.startsWith(MARKER_BEGIN) || !text.endsWith(MARKER_END)) return 'a result without its markers'
  if (text.length !== expected.chars) return `a result of ${text.length} characters instead of ${expected.chars}`
  const logged = messages.length - 1
  if (expected.logMessages !== null && logged !== expected.logMessages) return `${logged} log messages`
  return null
}

interface Wire {
  readonly id?: unknown
  readonly method?: unknown
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text?: string }[] }
}

function readMessages({ contentType, body }: RawResponse): Wire[] | null {
  const text = body.toString('latin1')
  // Whatever else it were, the checks above say so.
  if (contentType.startsWith('application/json')) return [JSON.parse(text) as Wire]
  if (!contentType.startsWith('text/event-stream')) return null
  return text
    .split(/\r?\n\r?\n/)
    .map(dataOf)
    .filter((data) => data !== '')
    .map((data) => JSON.parse(data) as Wire)
}

function dataOf(event: string): string {
  if (event.startsWith('data: ') && !event.includes('\n')) return event.slice(6)
  return event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n')
}
