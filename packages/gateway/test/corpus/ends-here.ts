import { type Node, textAt } from './wire-text.ts'

interface Subject {
  readonly do: 'ask' | 'listen' | 'leave'
  readonly headers: Readonly<Record<string, string>>
  readonly message: Node | null
  readonly era: 'legacy' | 'modern'
  readonly transport: 'http' | 'stdio'
  readonly tools: ReadonlySet<string>
}

/** A message of a client that the gateway answers itself, and that the server must not see. */
export interface EndsHere {
  readonly name: string
  readonly why: string
  readonly status: number
  readonly applies: (subject: Subject) => boolean
}

const methodOf = ({ message }: Subject) => (message === null ? null : textAt(message, ['method']))

/** Closed, like the rewrites: every entry is needed by a recording. */
export const ENDS_HERE: readonly EndsHere[] = [
  {
    name: 'calls of tools that the server does not list',
    why: 'Nobody could say of which class such a call is, so it is refused (SECURITY.md, promise 3).',
    status: 200,
    applies: (subject) => {
      const name = subject.message === null ? null : textAt(subject.message, ['params', 'name'])
      return methodOf(subject) === 'tools/call' && name !== null && !subject.tools.has(name)
    },
  },
  {
    name: 'methods that nobody mapped',
    why: 'An unmapped method is refused (SECURITY.md, promise 3).',
    status: 200,
    applies: (subject) => methodOf(subject) === 'no/such-method',
  },
  {
    name: 'cancelling in words',
    why: 'Over HTTP 2026-07-28 cancels by hanging up; the notification names nothing that the server would know (ADR 0009).',
    status: 202,
    applies: (subject) => subject.era === 'modern' && methodOf(subject) === 'notifications/cancelled',
  },
  {
    name: 'streams without a session',
    why: 'There is nothing to listen to before `initialize`; the probes of a client are answered here, as the server answered them.',
    status: 400,
    applies: ({ do: what, headers }) => what === 'listen' && headers['mcp-session-id'] === undefined,
  },
  {
    name: 'streams that are resumed',
    why: 'Events have ids of ours, kept here, so that what a client missed comes from here (ADR 0007, streams).',
    status: 200,
    applies: ({ do: what, headers }) => what === 'listen' && headers['last-event-id'] !== undefined,
  },
  {
    name: 'the standing stream of a process',
    why: 'A process has no streams; what it says about no request goes to the stream that the client opens here.',
    status: 200,
    applies: ({ do: what, transport }) => what === 'listen' && transport === 'stdio',
  },
]

/** Differences around the messages rather than in them. */
export const STREAM_REWRITES = {
  framing: {
    name: 'JSON or an event stream',
    why: 'The gateway chooses how to answer by what there is to say, not by what the server chose (ADR 0007, ADR 0009, streams).',
  },
  otherStream: {
    name: 'questions and logs on the stream of the call they belong to',
    why: 'A message about no request goes to exactly one stream; a question that comes while one call is under way is taken to be that call’s (ADR 0007).',
  },
  farewell: {
    name: 'the end of a session has no content',
    why: 'The gateway ends its own session and the server’s; it answers 204 where the server says 200.',
  },
  unknownQuestion: {
    name: 'questions that the client’s revision does not have',
    why: 'They are not promised to the server, so the gateway answers "method not found" (ADR 0007, ids).',
  },
  ownRequests: {
    name: 'requests of the gateway’s own',
    why: 'It asks which era a server is of, and for its tools when it must judge a call (ADR 0009, ADR 0007).',
  },
} as const
