import { z } from 'zod'
import { ADMIN_API_ID, ADMIN_API_PATH } from '#policy/admin-api.ts'
import { printClassScope } from '#policy/scopes.ts'
import { ERROR_STATUS } from './errors.ts'
import { classOf, type Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { PERMISSIONS } from './permissions.ts'

export const API_PREFIX = ADMIN_API_PATH

/** The admin API as OpenAPI 3.1, from the same schemas that check its input. */
export function openApiDocument(publicUrl: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of OPERATIONS) {
    const path = operation.path.replace(/:([a-z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describeOperation(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sallyport admin API',
      version: '1',
      description:
        'Users, clients, grants and the audit log. The command line uses the same operations over a Unix socket. ' +
        'Error codes are stable; messages are not.',
    },
    servers: [{ url: `${publicUrl}${API_PREFIX}` }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'at+jwt',
          description: `An access token whose audience is ${publicUrl}${API_PREFIX}, with the scope of the operation.`,
        },
      },
      schemas: { Error: toSchema(errorBody, 'output') },
    },
  }
}

const errorBody = z.strictObject({
  error: z.strictObject({
    code: z.enum(Object.keys(ERROR_STATUS) as [keyof typeof ERROR_STATUS]), // keys of the table, which has some
    message: z.string(),
    requestId: z.string(),
    problems: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  }),
})

function describeOperation(operation: Operation): Record<string, unknown> {
  const { answer, body } = operation
  const hasBody = body instanceof z.ZodObject || body instanceof z.ZodUnion
  const mediaType = answer.isLines === true ? 'application/x-ndjson' : 'application/json'
  const isConditional =
    operation.changes && /^(?:users|clients)\./.test(operation.id) && operation.id !== 'users.create'
  return {
    operationId: operation.id,
    summary: operation.summary,
    security: [{ bearer: [printClassScope(ADMIN_API_ID, classOf(operation))] }],
    'x-access': PERMISSIONS[operation.id],
    parameters: [
      ...parametersOf(operation.params, 'path'),
      ...parametersOf(operation.query, 'query'),
      ...(operation.method === 'POST'
        ? [header('Idempotency-Key', 'Makes a retry safe: the same key gives the same answer.')]
        : []),
      ...(isConditional ? [header('If-Match', 'ETag of what you read; refused if it changed since.')] : []),
    ],
    ...(hasBody
      ? { requestBody: { required: true, content: { 'application/json': { schema: toSchema(body, 'input') } } } }
      : {}),
    responses: {
      [answer.status]: {
        description: 'Done.',
        content: { [mediaType]: { schema: toSchema(answer.schema, 'output') } },
      },
      default: {
        description: 'Refused.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  }
}

function parametersOf(schema: z.ZodType, place: 'path' | 'query'): Record<string, unknown>[] {
  const { properties = {}, required = [] } = toSchema(schema, 'input') as {
    properties?: Record<string, { description?: string }>
    required?: string[]
  } // JSON Schema of a strictObject
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }))
}

function header(name: string, description: string): Record<string, unknown> {
  return { name, in: 'header', required: false, description, schema: { type: 'string' } }
}

function toSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' })
  return rest
}
