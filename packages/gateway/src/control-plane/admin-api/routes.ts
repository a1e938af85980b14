import type { Result } from '#core/result.ts'
import { ok } from '#core/result.ts'
import type { HttpExchange, Route } from '#http/exchange.ts'
import { sendJson } from '#http/respond.ts'
import { createDispatch, type Dispatch } from './dispatch.ts'
import { adminError } from './errors.ts'
import { readRequest, sendAnswer, sendError } from './exchange-io.ts'
import { API_PREFIX, openApiDocument } from './openapi.ts'
import type { AdminDependencies, Caller, Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { type DoorRefusal, enterByToken, type TokenDoor } from './token-door.ts'

export interface AdminApi {
  /** `P/api/v1/*` for the listener: bearer tokens. */
  readonly routes: Route[]
  /** The same for the 0600 socket: whoever can open it is the local operator. */
  readonly localRoutes: Route[]
  /** The same in this process, for a command line that holds the store itself. */
  readonly dispatch: Dispatch
}

type Door = (exchange: HttpExchange, operation: Operation) => Promise<Result<Caller, DoorRefusal>>

/** One set of handlers behind two doors; `door` null leaves the outer one closed (every call is refused). */
export function createAdminApi(dependencies: AdminDependencies, door: TokenDoor | null): AdminApi {
  const dispatch = createDispatch(dependencies)
  const tokenDoor: Door = (exchange, operation) =>
    door === null
      ? Promise.resolve({
          ok: false,
          refusal: { error: adminError('forbidden', 'There is no way in here.'), challenge: null },
        })
      : enterByToken(exchange, operation, door, dependencies)
  const socketDoor: Door = async () => ok({ kind: 'localOperator' })
  return {
    routes: [...routesBehind(tokenDoor, dispatch, dependencies), openApiRoute(dependencies)],
    localRoutes: [...routesBehind(socketDoor, dispatch, dependencies), openApiRoute(dependencies)],
    dispatch,
  }
}

function routesBehind(door: Door, dispatch: Dispatch, { log }: AdminDependencies): Route[] {
  return OPERATIONS.map((operation) => ({
    method: operation.method,
    path: `${API_PREFIX}${operation.path}`,
    handler: async (exchange, params) => {
      let caller: Result<Caller, DoorRefusal>
      try {
        caller = await door(exchange, operation)
      } catch (cause) {
        // The audit log or the store cannot be reached: nobody comes in.
        log.error('an admin caller could not be authenticated', { requestId: exchange.requestId, cause })
        sendError(exchange, adminError('unavailable', 'Callers cannot be authenticated now. Try again soon.'))
        return
      }
      if (!caller.ok) {
        const { error, challenge } = caller.refusal
        sendError(exchange, error, challenge === null ? {} : { 'www-authenticate': challenge })
        return
      }
      const raw = await readRequest(exchange, params)
      const answer = raw.ok ? await dispatch(operation.id, raw.value, caller.value, exchange.requestId) : raw
      if (answer.ok) await sendAnswer(exchange, answer.value)
      else sendError(exchange, answer.refusal)
    },
  }))
}

/** Public: it says what can be asked, and nothing about what is there. */
function openApiRoute({ snapshots }: AdminDependencies): Route {
  return {
    method: 'GET',
    path: `${API_PREFIX}/openapi.json`,
    handler: async ({ response }) => sendJson(response, 200, openApiDocument(snapshots.current().publicUrl)),
  }
}
