import { at, type Node, type Path, printWire, readWire, textAt, withAt } from './wire-text.ts'

/** One message on its way from one side to the other. */
export interface Crossing {
  readonly toward: 'upstream' | 'client'
  readonly era: 'legacy' | 'modern'
  /** The revision that the client asked for. */
  readonly revision: string
  readonly kind: 'request' | 'notification' | 'response'
  /** Of the message itself; of the request that it answers, where it is a response. */
  readonly method: string
  /** What arrived: values that only the gateway can choose are taken from here, once their form was checked. */
  readonly actual: Node
  /** Whether the request answered questions of an earlier round. */
  readonly isRetry: boolean
  /** The gateway's id of the request that the client made under this one, as JSON text. */
  readonly ourIdOf: (id: Node) => string
  /** The state that the server gave away for this round, by what the client holds. */
  readonly unsealed: (state: string) => string | null | undefined
}

/** `apply` changes what was recorded into what must arrive; null where it has nothing to say. */
export interface AllowedRewrite {
  readonly name: string
  readonly why: string
  readonly apply: (expected: Node, crossing: Crossing) => Node | null
}

const META: Path = ['params', '_meta']
const PREFIX = 'io.modelcontextprotocol/'
const CAPABILITIES = `${PREFIX}clientCapabilities`
const INTEGER = /^(?:0|[1-9]\d*)$/
const TTL_MS_MAX = 60_000

/**
 * Everything that may differ between what one side said and what the other side heard. The list is closed: a difference that no entry
 * explains fails the replay, and so does an entry that no recording needs.
 */
export const ALLOWED_REWRITES: readonly AllowedRewrite[] = [
  {
    name: 'request ids',
    why: 'Two clients use the same ids, so each connection has ids of ours (ADR 0007, ids).',
    apply: (expected, { kind, actual }) => {
      return kind === 'request' ? withAt(expected, ['id'], integerOf(actual, ['id'])) : null
    },
  },
  {
    name: 'the request that is cancelled is named by its rewritten id',
    why: 'It is the id under which the server knows the request (ADR 0007, ids).',
    apply: (expected, { toward, method, ourIdOf }) => {
      const id = at(expected, ['params', 'requestId'])
      if (toward !== 'upstream' || method !== 'notifications/cancelled' || id === null) return null
      return withAt(expected, ['params', 'requestId'], readWire(ourIdOf(id)))
    },
  },
  {
    name: 'progress tokens of requests',
    why: 'They are rewritten with the ids, so that progress can only reach what it belongs to (ADR 0007, ids).',
    apply: (expected, { kind, actual }) =>
      kind === 'request' && at(expected, [...META, 'progressToken']) !== null
        ? withAt(expected, [...META, 'progressToken'], integerOf(actual, ['id']))
        : null,
  },
  {
    name: 'the handshake has an envelope of each hop',
    why: 'The gateway shakes hands with the server in the client’s stead; params and result are carried, not the message around them.',
    apply: (expected, { kind, method }) => {
      if (method !== 'initialize') return null
      const names = kind === 'request' ? ['jsonrpc', 'id', 'method', 'params'] : ['jsonrpc', 'id', 'result']
      return inOrder(expected, names)
    },
  },
  {
    name: 'client capabilities that are carried',
    why: 'Nothing is promised to the server that the return road does not carry, nor what the revision does not know (ADR 0007, sessions).',
    apply: (expected, { kind, method, era, revision }) => {
      const path: Path = era === 'modern' ? [...META, CAPABILITIES] : ['params', 'capabilities']
      const all = at(expected, path)
      if (kind !== 'request' || all?.type !== 'object' || (era === 'legacy' && method !== 'initialize')) return null
      return withAt(expected, path, carriedOf(all, era === 'modern' ? '2025-11-25' : revision))
    },
  },
  {
    name: 'server capabilities that are carried',
    why: 'Tasks, experiments and extensions are not carried, so they are not promised to the client either.',
    apply: (expected, { kind, method }) => {
      const all = at(expected, ['result', 'capabilities'])
      if (kind !== 'response' || !['initialize', 'server/discover'].includes(method) || all === null) return null
      return withAt(expected, ['result', 'capabilities'], picked(all, SERVER_CAPABILITIES))
    },
  },
  {
    name: 'requestState is sealed',
    why: 'A state is bound to caller and request; one is made where the server gave none, so that a round runs once (ADR 0009, rounds).',
    apply: (expected, { kind, era, actual, toward }) => {
      const isQuestion = textAt(expected, ['result', 'resultType']) === 'input_required'
      if (era !== 'modern' || toward !== 'client' || kind !== 'response' || !isQuestion) return null
      const sealed = at(actual, ['result', 'requestState'])
      const given = textAt(expected, ['result', 'requestState'])
      if (sealed?.type !== 'string' || sealed.value.length < 64 || (given !== null && sealed.value.includes(given))) {
        return null
      }
      return withAt(expected, ['result', 'requestState'], sealed)
    },
  },
  {
    name: 'requestState goes back as the server gave it',
    why: 'The other half of the sealed state; absent where the server had given none.',
    apply: (expected, { toward, era, unsealed }) => {
      const held = textAt(expected, ['params', 'requestState'])
      const state = toward === 'upstream' && era === 'modern' && held !== null ? unsealed(held) : undefined
      if (state === undefined) return null
      return withAt(expected, ['params', 'requestState'], state === null ? null : readWire(JSON.stringify(state)))
    },
  },
  {
    name: 'cache hints are private and short',
    why: 'Lists are cut by role and reads happen under one token, so nothing is for everybody, and roles change (ADR 0009).',
    apply: (expected, { era, kind, toward, isRetry }) => {
      if (era !== 'modern' || kind !== 'response' || toward !== 'client') return null
      const ttl = at(expected, ['result', 'ttlMs'])
      if (ttl === null || at(expected, ['result', 'cacheScope']) === null) return null
      const allowed = isRetry ? 0 : Math.min(Number(printWire(ttl)), TTL_MS_MAX)
      const hinted = withAt(expected, ['result', 'ttlMs'], readWire(String(allowed)))
      return withAt(hinted, ['result', 'cacheScope'], readWire('"private"'))
    },
  },
  {
    name: 'trace context of the next hop',
    why: 'The client’s span becomes ours in the same trace; tracestate and baggage end here (ADR 0009).',
    apply: (expected, { era, toward, actual }) => {
      const parent = textAt(expected, [...META, 'traceparent'])
      if (era !== 'modern' || toward !== 'upstream' || parent === null) return null
      const [version, trace, span, flags] = parent.split('-')
      const next = textAt(actual, [...META, 'traceparent']) ?? ''
      const [, , ourSpan] = next.split('-')
      if (
        next !== [version, trace, ourSpan, flags].join('-') ||
        !/^[0-9a-f]{16}$/.test(ourSpan ?? '') ||
        ourSpan === span
      ) {
        return null
      }
      const renamed = withAt(expected, [...META, 'traceparent'], readWire(JSON.stringify(next)))
      return withAt(withAt(renamed, [...META, 'tracestate'], null), [...META, 'baggage'], null)
    },
  },
]

const SERVER_CAPABILITIES = ['logging', 'completions', 'prompts', 'resources', 'tools']

/** What must arrive for what was recorded, and the rewrites that made the difference. */
export function expectedOf(
  recorded: Node,
  crossing: Crossing,
): { readonly expected: Node; readonly used: readonly string[] } {
  const used: string[] = []
  let expected = recorded
  for (const { name, apply } of ALLOWED_REWRITES) {
    const next = apply(expected, crossing)
    if (next === null || printWire(next) === printWire(expected)) continue
    used.push(name)
    expected = next
  }
  return { expected, used }
}

/** Null unless it is an integer: then nothing is rewritten, and the comparison fails. */
function integerOf(node: Node, path: Path): Node | null {
  const value = at(node, path)
  return value?.type === 'word' && INTEGER.test(value.text) ? value : readWire('"an integer of the gateway"')
}

function inOrder(node: Node, names: readonly string[]): Node | null {
  if (node.type !== 'object' || node.members.length !== names.length) return null
  const members = names.flatMap((name) => node.members.filter(([key]) => key === name))
  return members.length === names.length ? { ...node, members } : null
}

function picked(node: Node, names: readonly string[]): Node {
  if (node.type !== 'object') return node
  return { ...node, members: names.flatMap((name) => node.members.filter(([key]) => key === name)) }
}

/** Roots and sampling came first, elicitation with 2025-06-18; what is inside them came with 2025-11-25. */
function carriedOf(all: Node, revision: string): Node {
  const kinds = revision === '2025-03-26' ? ['roots', 'sampling'] : ['roots', 'sampling', 'elicitation']
  const kept = picked(all, kinds)
  if (kept.type !== 'object' || revision === '2025-11-25') return kept
  const emptied = (key: string, value: Node): Node => (key === 'roots' ? value : readWire('{}'))
  return { ...kept, members: kept.members.map(([key, value]) => [key, emptied(key, value)] as const) }
}
