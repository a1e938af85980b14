import { join } from 'node:path'
import type { ServerId, SubjectId, TenantId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import { Secret } from '#core/secret.ts'
import type { StdioUpstream } from '#core/snapshot.ts'

/** Where programs are looked for when the gateway was started without a PATH. */
export const DEFAULT_SEARCH_PATH = '/usr/local/bin:/usr/bin:/bin'

const USER_DIR = '${userDir}'
const SAFE_SEGMENT = /^[A-Za-z0-9_-]{1,64}$/

/** Who a child process works for. */
export interface ChildOwner {
  readonly tenant: TenantId
  readonly subject: SubjectId
  readonly server: ServerId
}

/**
 * The folder that `${userDir}` stands for: kept across sessions, one per tenant, subject and server.
 * Ids that could name another folder are refused, although ours never do.
 */
export function userDirectory(stateDir: string, owner: ChildOwner): Result<string, 'idUnsafe'> {
  const segments = [owner.tenant, owner.subject, owner.server]
  if (!segments.every((segment) => SAFE_SEGMENT.test(segment))) return refused('idUnsafe')
  return ok(join(stateDir, 'users', ...segments))
}

/** The whole environment of a child: nothing of the gateway's own environment but PATH. */
export function childEnvironment(
  spec: StdioUpstream,
  places: { readonly searchPath: string; readonly privateDir: string; readonly userDir: string },
): Record<string, string> {
  const environment: Record<string, string> = {
    PATH: places.searchPath,
    HOME: places.privateDir,
    TMPDIR: places.privateDir,
  }
  for (const [name, value] of spec.env) {
    // A secret is what it is, whatever it looks like.
    environment[name] = value instanceof Secret ? value.reveal() : fillIn(value, places.userDir)
  }
  return environment
}

export function childArguments(spec: StdioUpstream, userDir: string): string[] {
  return spec.args.map((argument) => fillIn(argument, userDir))
}

/** Whether any argument or value of this server's environment names the user's folder, which is then made. */
export function usesUserDirectory({ args, env }: StdioUpstream): boolean {
  return [...args, ...env.values()].some((value) => typeof value === 'string' && value.includes(USER_DIR))
}

function fillIn(text: string, userDir: string): string {
  return text.replaceAll(USER_DIR, () => userDir)
}
