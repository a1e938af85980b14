import { z } from 'zod'
import type { AuditEvent, AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { IdentityTests } from '#core/identity-tests.ts'
import type { ClientId, RequestId, SubjectId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { Random } from '#core/random.ts'
import { type Result, refused } from '#core/result.ts'
import type { AdminRole, SnapshotSource } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import type { Store } from '#store/ports/store.ts'
import type { ConfigurationHealth } from '../configuration/holder.ts'
import type { ConfigurationProblem } from '../configuration/problem.ts'
import type { AdminError } from './errors.ts'
import type { LogOperations } from './log-operations.ts'
import type { Access, OperationId } from './permissions.ts'

/** Everything the handlers work on. The same whether they are reached over TCP, over the socket or in the process of the CLI. */
export interface AdminDependencies {
  readonly store: Store
  readonly snapshots: SnapshotSource
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly random: Random
  readonly logOperations: LogOperations
  readonly configuration: {
    health(): ConfigurationHealth
    warnings(): readonly ConfigurationProblem[]
  }
  readonly log: Log
  /** Null where no gateway runs that a browser could come back to. */
  readonly identityTests: IdentityTests | null
}

/** Who is asking. `localOperator` is whoever may open the 0600 socket or the store itself. */
export type Caller =
  | { readonly kind: 'localOperator' }
  | {
      readonly kind: 'token'
      readonly subject: SubjectId
      readonly clientId: ClientId
      readonly roles: ReadonlySet<AdminRole>
    }

export interface Context extends AdminDependencies {
  readonly caller: Caller
  readonly access: Exclude<Access, 'none'>
  readonly requestId: RequestId
}

/** A request before its input was checked. */
export interface RawRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Parsed JSON; undefined when there was no body. */
  readonly body: unknown
  readonly ifMatch: string | null
  readonly idempotencyKey: string | null
}

export type Answer =
  | { readonly kind: 'json'; readonly status: 200 | 201; readonly body: unknown; readonly etag?: string }
  /** Newline-delimited JSON. */
  | { readonly kind: 'lines'; readonly lines: AsyncIterable<unknown> }

export interface Input<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly ifMatch: string | null
}

export interface OperationSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly id: OperationId
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/api/v1`, with `:parameters`. */
  readonly path: string
  readonly summary: string
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly answer: { readonly status: 200 | 201; readonly schema: z.ZodType; readonly isLines?: true }
  run(input: Input<z.output<P>, z.output<Q>, z.output<B>>, context: Context): Promise<Result<Answer, AdminError>>
}

/** An operation with its types forgotten: what the table of operations holds. */
export interface Operation extends Omit<OperationSpec<z.ZodType, z.ZodType, z.ZodType>, 'run'> {
  readonly changes: boolean
  handle(raw: RawRequest, context: Context): Promise<Result<Answer, AdminError>>
}

/** The class of scope that a token needs for it. */
export function classOf({ changes }: Pick<Operation, 'changes'>): ToolClass {
  return changes ? 'write' : 'read'
}

export const NOTHING: z.ZodObject<Record<never, never>, z.core.$strict> = z.strictObject({})
export const NO_BODY: z.ZodOptional<z.ZodNull> = z.null().optional()

/** Ties the checks of the input to the code that needs them checked. */
export function operation<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  spec: OperationSpec<P, Q, B>,
): Operation {
  return {
    ...spec,
    changes: spec.method !== 'GET',
    handle: async (raw, context) => {
      const params = spec.params.safeParse(raw.params)
      const query = spec.query.safeParse(raw.query)
      const body = spec.body.safeParse(raw.body)
      if (!params.success || !query.success || !body.success) {
        const issues = [...(params.error?.issues ?? []), ...(query.error?.issues ?? []), ...(body.error?.issues ?? [])]
        return refused({
          code: 'invalidInput',
          message: `The request was not understood: ${describe(issues[0])}.`,
          problems: issues.map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message })),
        })
      }
      return spec.run({ params: params.data, query: query.data, body: body.data, ifMatch: raw.ifMatch }, context)
    },
  }
}

function describe(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'no reason is known'
  const path = issue.path.map(String).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

/** The start of every record about a change: who, through what, under which configuration. */
export function auditBase({
  caller,
  requestId,
  snapshots,
}: Context): Pick<AuditEvent, 'tenant' | 'requestId' | 'subject' | 'clientId' | 'decision'> {
  const snapshot = snapshots.current()
  return {
    tenant: snapshot.tenant,
    requestId,
    decision: { config: snapshot.version },
    ...(caller.kind === 'token' ? { subject: caller.subject, clientId: caller.clientId } : {}),
  }
}
