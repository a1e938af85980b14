import { join } from 'node:path'
import type { ServerId, SubjectId, TenantId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import { Secret } from '#core/secret.ts'
import type { StdioUpstream } from '#core/snapshot.ts'

/** Where programs are looked for when the gateway was started without a PATH. */
export const DEFAULT_SEARCH_PATH = '/usr/local/bin:/usr/bin:/bin'

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
    const text = value instanceof Secret ? value.reveal() : value
    environment[name] = text.replaceAll('${userDir}', places.userDir)
  }
  return environment
}

/** Whether any value of this server's environment names the user's folder, which is then made. */
export function usesUserDirectory(spec: StdioUpstream): boolean {
  return [...spec.env.values()].some((value) => typeof value === 'string' && value.includes('${userDir}'))
}
