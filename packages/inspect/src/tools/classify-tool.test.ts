import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classifyTool, type ToolDefinition } from './classify-tool.ts'

const SEVERITY = ['read', 'write', 'send', 'destructive', 'execute', 'financial', 'admin']
const parameters = (...names: string[]) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
})

describe('the name alone', () => {
  test.each([
    ['get_issue', 'read'],
    ['listRepositories', 'read'],
    ['search-nodes', 'read'],
    ['github.issues.list', 'read'],
    ['pull_request_read', 'read'],
    ['get_merge_request', 'read'],
    ['get_workflow_run', 'read'],
    ['list_deleted_items', 'read'],
    ['list_payments', 'read'],
    ['create_issue', 'write'],
    ['updateProject', 'write'],
    ['add_observations', 'write'],
    ['issue_write', 'write'],
    ['send_message', 'send'],
    ['create_comment', 'send'],
    ['API-post-search', 'send'],
    ['share_document', 'send'],
    ['delete_file', 'destructive'],
    ['bulkDelete2', 'destructive'],
    ['drop-collection', 'destructive'],
    ['merge_pull_request', 'destructive'],
    ['push_files', 'destructive'],
    ['get_and_delete', 'destructive'],
    ['find_or_reset', 'destructive'],
    ['get_bulkdelete_all', 'destructive'],
    ['run_query', 'execute'],
    ['browser_evaluate', 'execute'],
    ['bash', 'execute'],
    ['get_then_exec', 'execute'],
    ['create_payment', 'financial'],
    ['refund_charge', 'financial'],
    ['transfer_funds', 'financial'],
    ['create_user', 'admin'],
    ['grant_role', 'admin'],
    ['rotate_api_key', 'admin'],
    ['get_secret', 'admin'],
    ['get-env', 'admin'],
  ])('%s is %s', (name, toolClass) => {
    expect(classifyTool({ name }).toolClass).toBe(toolClass)
  })

  test.each([
    ['frobnicate', 'no verb that we know'],
    ['', 'nothing'],
    ['___', 'no word'],
    ['getanddelete', 'words run together'],
    ['get_d\u0435lete', 'a Cyrillic letter that looks Latin'],
    ['get\u202eetirw', 'a character that turns the direction'],
    ['get_\u0000', 'a control character'],
    [`get_${'a'.repeat(300)}`, 'more characters than are read'],
    ['取得', 'another script'],
  ])('a name that explains nothing is destructive: %j (%s)', (name) => {
    expect(classifyTool({ name }).toolClass).toBe('destructive')
    expect(classifyTool({ name, annotations: { readOnlyHint: true, destructiveHint: false } }).toolClass).toBe(
      'destructive',
    )
  })
})

describe('annotations raise and never lower (MCP 2025-11-25, ToolAnnotations: hints, not to be trusted)', () => {
  test.each<[string, ToolDefinition, string]>([
    ['readOnlyHint on a deleting name', { name: 'delete_x', annotations: { readOnlyHint: true } }, 'destructive'],
    [
      'destructiveHint false on a deleting name',
      { name: 'delete_x', annotations: { destructiveHint: false } },
      'destructive',
    ],
    ['destructiveHint on a reading name', { name: 'get_x', annotations: { destructiveHint: true } }, 'destructive'],
    ['destructiveHint on a payment', { name: 'pay_bill', annotations: { destructiveHint: true } }, 'financial'],
    ['readOnlyHint false on a reading name', { name: 'get_x', annotations: { readOnlyHint: false } }, 'write'],
    [
      'both hints harmless on a write',
      { name: 'add_x', annotations: { readOnlyHint: true, destructiveHint: false } },
      'write',
    ],
  ])('%s', (_title, definition, toolClass) => {
    expect(classifyTool(definition).toolClass).toBe(toolClass)
  })

  test('no annotation makes any tool less than it is without', () => {
    const annotations = fc.record({ readOnlyHint: fc.boolean(), destructiveHint: fc.boolean() }, { requiredKeys: [] })
    const name = fc.oneof(
      fc.string(),
      fc
        .array(fc.constantFrom('get', 'delete', 'and', 'user', 'run', 'pay', 'x', 'list', 'message'), {
          minLength: 1,
          maxLength: 4,
        })
        .map((words) => words.join('_')),
    )
    fc.assert(
      fc.property(name, annotations, (toolName, hints) => {
        const bare = classifyTool({ name: toolName }).toolClass
        const hinted = classifyTool({ name: toolName, annotations: hints })
        expect(SEVERITY.indexOf(hinted.toolClass)).toBeGreaterThanOrEqual(SEVERITY.indexOf(bare))
        expect(hinted.reasons.length).toBeGreaterThan(0)
      }),
    )
  })
})

describe('parameters', () => {
  test.each<[string, string[], string]>([
    ['query', ['sql'], 'execute'],
    ['get_result', ['command'], 'execute'],
    ['get_country', ['code'], 'read'],
    ['create_job', ['code'], 'execute'],
    ['fetch', ['url'], 'send'],
    ['create_note', ['to', 'body'], 'send'],
    ['create_note', ['bcc'], 'send'],
    ['write_file', ['path', 'content'], 'destructive'],
    ['move_file', ['source', 'destination'], 'destructive'],
    ['read_file', ['path', 'head', 'tail'], 'read'],
    ['list_directory', ['path', 'recursive'], 'read'],
    ['update_thing', ['force'], 'destructive'],
    ['create_thing', ['amount', 'currency'], 'financial'],
    ['update_thing', ['isAdmin'], 'admin'],
  ])('%s with %j is %s', (name, names, toolClass) => {
    expect(classifyTool({ name, inputSchema: parameters(...names) }).toolClass).toBe(toolClass)
  })

  test('are also found inside nested objects, arrays and combinations', () => {
    const inputSchema = {
      type: 'object',
      properties: { steps: { type: 'array', items: { oneOf: [{ type: 'object', properties: { raw_SQL: {} } }] } } },
    }
    expect(classifyTool({ name: 'get_rows', inputSchema }).toolClass).toBe('execute')
  })

  test('a schema too deep or too wide to read is destructive, and any value at all is survived', () => {
    let deep: unknown = { properties: { sql: {} } }
    for (let depth = 0; depth < 50; depth++) deep = { properties: { x: deep } }
    expect(classifyTool({ name: 'get_x', inputSchema: deep }).toolClass).toBe('destructive')
    const wide = parameters(...Array.from({ length: 1000 }, (_, at) => `p${at}`))
    expect(classifyTool({ name: 'get_x', inputSchema: wide }).toolClass).toBe('destructive')
    fc.assert(
      fc.property(fc.string(), fc.anything(), (name, inputSchema) => {
        expect(SEVERITY).toContain(classifyTool({ name, inputSchema }).toolClass)
      }),
    )
  })
})

test.each([
  ['get_x', 'Returns x. This cannot be undone.', 'destructive'],
  ['get_x', 'Executes arbitrary shell commands.', 'execute'],
  ['get_x', 'Sends a message to the channel.', 'send'],
  ['get_x', 'Returns all environment variables.', 'admin'],
  ['delete_x', 'Perfectly harmless, only reads.', 'destructive'],
  ['get_x', 'Returns x.', 'read'],
])('a description can admit more than the name and never less: %s, %j is %s', (name, description, toolClass) => {
  expect(classifyTool({ name, description }).toolClass).toBe(toolClass)
})

test('says why, so that an operator can judge', () => {
  expect(
    classifyTool({ name: 'get_user', inputSchema: parameters('sql'), annotations: { readOnlyHint: false } }),
  ).toEqual({
    toolClass: 'execute',
    reasons: [
      "its verb 'get' means read",
      "its parameter 'sql' takes a program to run",
      'it is annotated as not read-only',
    ],
  })
})
