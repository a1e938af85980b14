import { LISTEN } from '../../e2e/support/drive-sdk-v2.ts'
import type { TourStep } from '../../e2e/support/tour.ts'

const call = (name: string, args?: Record<string, unknown>, more: Partial<TourStep> = {}): TourStep => ({
  method: 'tools/call',
  params: { name, ...(args === undefined ? {} : { arguments: args }) },
  ...more,
})

/** Everything that JSON and Unicode allow and that naive code breaks. */
export const ODD_TEXT =
  'Zürich 東京 \u{1f600} \u0000 \u001f \u2028\u2029 \ufeff \u0085 "q" \\ / </script> \u202e e\u0301'

const PLAIN_FIXTURE: readonly TourStep[] = [
  { method: 'tools/list' },
  call('test_simple_text'),
  call('test_image_content'),
  call('test_audio_content'),
  call('test_embedded_resource'),
  call('test_multiple_content_types'),
  call('test_error_handling'),
  call('test_tool_with_progress', {}, { wantsProgress: true }),
  call('json_schema_2020_12_tool', { name: ODD_TEXT, address: { street: ODD_TEXT }, email: 'a@example.com' }),
  call('test_header_parameter', { region: 'Zürich 東京' }),
  call('no_such_tool'),
  { method: 'prompts/list' },
  { method: 'prompts/get', params: { name: 'test_simple_prompt' } },
  { method: 'prompts/get', params: { name: 'test_prompt_with_arguments', arguments: { arg1: ODD_TEXT, arg2: '' } } },
  {
    method: 'prompts/get',
    params: { name: 'test_prompt_with_embedded_resource', arguments: { resourceUri: 'test://a' } },
  },
  { method: 'prompts/get', params: { name: 'test_prompt_with_image' } },
  { method: 'prompts/get', params: { name: 'no_such_prompt' } },
  {
    method: 'completion/complete',
    params: { ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: '' } },
  },
  { method: 'resources/list' },
  { method: 'resources/templates/list' },
  { method: 'resources/read', params: { uri: 'test://static-text' } },
  { method: 'resources/read', params: { uri: 'test://static-binary' } },
  { method: 'resources/read', params: { uri: 'test://template/%E6%9D%B1/data' } },
  { method: 'resources/read', params: { uri: 'test://nowhere' } },
]

export const FIXTURE_LEGACY: readonly TourStep[] = [
  ...PLAIN_FIXTURE,
  { method: 'ping' },
  { method: 'logging/setLevel', params: { level: 'debug' } },
  call('test_tool_with_logging'),
  call('test_sampling', { prompt: ODD_TEXT }),
  call('test_elicitation', { message: ODD_TEXT }),
  call('test_elicitation_sep1034_defaults'),
  call('test_elicitation_sep1330_enums'),
  { method: 'resources/subscribe', params: { uri: 'test://watched-resource' } },
  { method: 'resources/unsubscribe', params: { uri: 'test://watched-resource' } },
  call('test_trigger_prompt_change'),
]

export const FIXTURE_MODERN: readonly TourStep[] = [
  ...PLAIN_FIXTURE,
  call('test_tool_with_logging'),
  call('test_input_required_result_elicitation'),
  call('test_input_required_result_sampling'),
  call('test_input_required_result_list_roots'),
  call('test_input_required_result_multiple_inputs'),
  call('test_input_required_result_request_state'),
  call('test_input_required_result_multi_round'),
  call('test_input_required_result_capabilities'),
  { method: 'prompts/get', params: { name: 'test_input_required_result_prompt' } },
  { method: LISTEN, params: { toolsListChanged: true, promptsListChanged: true } },
]

export const FIXTURE_MODERN_STDIO: readonly TourStep[] = FIXTURE_MODERN.filter(({ method }) => method !== LISTEN)

export const NOTES: readonly TourStep[] = [
  { method: 'tools/list' },
  call('add_note', { title: ODD_TEXT, text: ODD_TEXT }),
  call('add_note', { title: 'empty', text: '' }),
  call('list_notes'),
  call('search_notes', { query: '東京' }),
  call('search_notes', { query: '' }),
  call('check_notes'),
  call('no_such_tool', {}),
]

export const EVERYTHING: readonly TourStep[] = [
  { method: 'tools/list' },
  { method: 'logging/setLevel', params: { level: 'debug' } },
  call('echo', { message: ODD_TEXT }),
  call('get-sum', { a: 0.1, b: -1e-7 }),
  call('get-sum', { a: 9007199254740991, b: -0.5 }),
  call('get-tiny-image'),
  call('get-annotated-message', { messageType: 'error', includeImage: true }),
  call('get-resource-links', { count: 3 }),
  call('get-resource-reference', { resourceType: 'Text', resourceId: 1 }),
  call('get-structured-content', { location: 'Chicago' }),
  call('trigger-long-running-operation', { duration: 0.2, steps: 2 }, { wantsProgress: true }),
  call('trigger-sampling-request', { prompt: ODD_TEXT, maxTokens: 10 }),
  call('trigger-elicitation-request', {}),
  call('get-roots-list', {}),
  { method: 'notifications/roots/list_changed' },
  { method: 'prompts/list' },
  { method: 'prompts/get', params: { name: 'simple-prompt' } },
  { method: 'prompts/get', params: { name: 'args-prompt', arguments: { city: 'Zürich' } } },
  { method: 'resources/templates/list' },
  { method: 'resources/read', params: { uri: 'demo://resource/static/document/no-such.md' } },
  { method: 'ping' },
  { method: 'no/such-method' },
]

export const FILES: readonly TourStep[] = [
  { method: 'tools/list' },
  call('list_allowed_directories', {}),
  call('write_file', { path: 'odd.txt', content: ODD_TEXT }),
  call('read_text_file', { path: 'odd.txt' }),
  call('list_directory', { path: '.' }),
  call('read_text_file', { path: 'none.txt' }),
]

export const MEMORY: readonly TourStep[] = [
  { method: 'tools/list' },
  call('create_entities', { entities: [{ name: ODD_TEXT, entityType: 'city', observations: ['old', ODD_TEXT] }] }),
  call('read_graph', {}),
  call('search_nodes', { query: '東京' }),
]

/** A client that loses patience, and goes on. The pause is long enough for the server not to be done before the recording is. */
export const NOTES_CANCELLED: readonly TourStep[] = [
  { method: 'tools/list' },
  call('import_notes', { lines: ['a'], pauseMs: 5_000 }, { wantsProgress: true, cancelsAfterMs: 200 }),
  call('list_notes'),
]

export const EVERYTHING_CANCELLED: readonly TourStep[] = [
  { method: 'tools/list' },
  call('trigger-long-running-operation', { duration: 30, steps: 1 }, { wantsProgress: true, cancelsAfterMs: 200 }),
  call('echo', { message: ODD_TEXT }),
]
