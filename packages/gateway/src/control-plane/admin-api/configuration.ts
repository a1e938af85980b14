import { z } from 'zod'
import { ok } from '#core/result.ts'
import type { ConfigurationProblem } from '../configuration/problem.ts'
import { NO_BODY, NOTHING, type Operation, operation } from './operation.ts'

const problemView = z.strictObject({
  line: z.int(),
  column: z.int(),
  path: z.string(),
  problem: z.string(),
  instead: z.string().nullable(),
})
const state = z.enum(['ok', 'stale'])

export const configurationOperations: readonly Operation[] = [
  operation({
    id: 'configuration.show',
    method: 'GET',
    path: '/configuration',
    summary: 'Which configuration is in force, and what is wrong with the file if it is not the one on disk.',
    params: NOTHING,
    query: NOTHING,
    body: NO_BODY,
    answer: {
      status: 200,
      schema: z.strictObject({
        state: state.describe('`stale`: the file on disk is bad and an older configuration is in force.'),
        version: z.string().describe('SHA-256 of the file in force.'),
        number: z.int().describe('Swaps since start.'),
        publicUrl: z.string(),
        servers: z.array(
          z.strictObject({
            id: z.string(),
            title: z.string(),
            resource: z.string(),
            upstream: z.enum(['stdio', 'http']),
          }),
        ),
        roles: z.array(z.string()),
        dangerousOptions: z.array(z.string()),
        problems: z.array(problemView),
        warnings: z.array(problemView),
      }),
    },
    run: async (_input, { snapshots, configuration }) => {
      const snapshot = snapshots.current()
      const health = configuration.health()
      return ok({
        kind: 'json',
        status: 200,
        body: {
          state: health.state,
          version: snapshot.version,
          number: snapshot.number,
          publicUrl: snapshot.publicUrl,
          servers: [...snapshot.servers.values()].map((server) => ({
            id: server.id,
            title: server.title,
            resource: server.resource,
            upstream: server.upstream.kind,
          })),
          roles: [...snapshot.roles.keys()],
          dangerousOptions: [...snapshot.dangerousOptions],
          problems: health.problems.map(viewOf),
          warnings: configuration.warnings().map(viewOf),
        },
      })
    },
  }),
  operation({
    id: 'health.show',
    method: 'GET',
    path: '/health',
    summary: 'Whether the gateway answers and its configuration is current.',
    params: NOTHING,
    query: NOTHING,
    body: NO_BODY,
    answer: { status: 200, schema: z.strictObject({ status: z.literal('ok'), configuration: state }) },
    run: async (_input, { configuration }) =>
      ok({ kind: 'json', status: 200, body: { status: 'ok', configuration: configuration.health().state } }),
  }),
]

function viewOf({ line, column, path, problem, instead }: ConfigurationProblem): z.output<typeof problemView> {
  return { line, column, path, problem, instead }
}
