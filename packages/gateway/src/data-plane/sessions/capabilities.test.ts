import { describe, expect, test } from 'vitest'
import { clientCapabilitiesCarried, clientTakes, negotiateFront, serverCapabilitiesCarried } from './capabilities.ts'

test.each([
  ['2025-03-26', '2025-03-26'],
  ['2025-06-18', '2025-06-18'],
  ['2025-11-25', '2025-11-25'],
  ['2024-11-05', '2025-11-25'],
  ['nonsense', '2025-11-25'],
  [7, '2025-11-25'],
  [undefined, '2025-11-25'],
])('a client that asks for %j is answered %s', (requested, answered) => {
  expect(negotiateFront(requested)).toBe(answered)
})

const ALL = {
  roots: { listChanged: true },
  sampling: { tools: {} },
  elicitation: { form: {}, url: {} },
  tasks: { list: {} },
  experimental: { x: {} },
  extensions: { y: {} },
}

describe('what the upstream is told of the client', () => {
  test.each([
    ['2025-11-25', { roots: { listChanged: true }, sampling: { tools: {} }, elicitation: { form: {}, url: {} } }],
    ['2025-06-18', { roots: { listChanged: true }, sampling: {}, elicitation: {} }],
    ['2025-03-26', { roots: { listChanged: true }, sampling: {} }],
  ] as const)('%s: what that revision has and we carry, nothing else', (revision, carried) => {
    expect(clientCapabilitiesCarried(ALL, revision)).toEqual(carried)
  })

  test.each([undefined, null, 'all', [], 7])('%j declares nothing', (declared) => {
    expect(clientCapabilitiesCarried(declared, '2025-11-25')).toEqual({})
  })
})

test('what the client is told of the server', () => {
  const declared = { tools: { listChanged: true }, logging: {}, tasks: {}, experimental: { x: {} }, prompts: 'yes' }
  expect(serverCapabilitiesCarried(declared)).toEqual({ tools: { listChanged: true }, logging: {} })
})

describe('which questions a client takes', () => {
  test.each([
    [{}, 'elicitation/create', {}, false],
    [{ elicitation: {} }, 'elicitation/create', {}, true],
    [{ elicitation: {} }, 'elicitation/create', { mode: 'url' }, false],
    [{ elicitation: { url: {} } }, 'elicitation/create', { mode: 'url' }, true],
    [{ elicitation: { url: {} } }, 'elicitation/create', {}, false],
    [{ sampling: {} }, 'sampling/createMessage', {}, true],
    [{ sampling: {} }, 'sampling/createMessage', { tools: [] }, false],
    [{ sampling: { tools: {} } }, 'sampling/createMessage', { tools: [] }, true],
    [{ roots: {} }, 'roots/list', null, true],
    [{ elicitation: true }, 'elicitation/create', {}, false],
    [ALL, 'tools/call', {}, false],
    [ALL, 'tasks/get', {}, false],
  ])('%j is asked %s %j: %j', (capabilities, method, params, takes) => {
    expect(clientTakes(capabilities, method, params)).toBe(takes)
  })
})
