import { describe, expect, test } from 'vitest'
import type { JsonObject, JsonRpcNotification } from '#wire/jsonrpc/message.ts'
import { bothWant, isWanted, printFilter, readFilter, type SubscriptionFilter } from './subscription-filter.ts'

function filterOf(notifications: JsonObject): SubscriptionFilter {
  const read = readFilter({ notifications })
  if (!read.ok) throw new Error(read.refusal)
  return read.value
}

function notification(method: string, params: JsonObject | null = null): JsonRpcNotification {
  return { kind: 'notification', method, params, object: {} }
}

const ALL = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }

describe('what a listener asks for', () => {
  test.each<[string, JsonObject | null]>([
    ['nothing at all', null],
    ['no filter', {}],
    ['a list', { notifications: [] }],
    ['a number where a switch belongs', { notifications: { toolsListChanged: 1 } }],
    ['one resource, not in a list', { notifications: { resourceSubscriptions: 'a:b' } }],
    ['resources without names', { notifications: { resourceSubscriptions: [null] } }],
    ['too many resources', { notifications: { resourceSubscriptions: Array.from({ length: 257 }, String) } }],
    ['a resource with too long a name', { notifications: { resourceSubscriptions: ['a'.repeat(2049)] } }],
  ])('%s is refused', (_what, params) => {
    expect(readFilter(params).ok).toBe(false)
  })

  test('is granted as far as the server grants it, and not further', () => {
    const asked = filterOf({ toolsListChanged: true, resourceSubscriptions: ['a:1', 'a:2'] })
    const granted = filterOf({ ...ALL, resourceSubscriptions: ['a:2', 'a:3'] })
    expect(printFilter(bothWant(asked, granted))).toEqual({ toolsListChanged: true, resourceSubscriptions: ['a:2'] })
  })

  test('what is switched off or of an extension is not asked for', () => {
    expect(printFilter(filterOf({ toolsListChanged: false, taskIds: ['t'] }))).toEqual({})
  })

  test.each<[string, JsonRpcNotification, boolean]>([
    ['a list that was asked for', notification('notifications/tools/list_changed'), true],
    ['another list', notification('notifications/prompts/list_changed'), false],
    ['a resource that was asked for', notification('notifications/resources/updated', { uri: 'a:1' }), true],
    ['another resource', notification('notifications/resources/updated', { uri: 'a:12' }), false],
    ['no resource', notification('notifications/resources/updated'), false],
    ['a log message', notification('notifications/message', { data: 'x' }), false],
    ['a second acknowledgement', notification('notifications/subscriptions/acknowledged'), false],
    ['something unknown', notification('notifications/tasks', { taskId: 't' }), false],
  ])('%s', (_what, message, wanted) => {
    expect(isWanted(message, filterOf({ toolsListChanged: true, resourceSubscriptions: ['a:1'] }))).toBe(wanted)
  })
})
