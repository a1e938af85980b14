import { ok, type Result, refused } from '#core/result.ts'

const TARGET_BYTES_MAX = 8 * 1024

/** Segments of letters, digits, `-` and `_`, none of them empty: nothing that any rule below is about. */
const PLAIN_PATH = /^(?:\/[A-Za-z0-9_-]+)+$/

export interface RequestTarget {
  readonly path: string
  readonly query: URLSearchParams
}

/**
 * Reads a request target in origin form (RFC 9112 §3.2.1). Refuses every spelling that two parsers could read differently: absolute form,
 * dot segments, empty segments, backslashes, encoded slashes, backslashes, dots or control characters, so that a path guard and a router
 * cannot disagree.
 */
export function readTarget(target: string): Result<RequestTarget, string> {
  if (target.length > TARGET_BYTES_MAX) return refused('the request target is too long')
  if (PLAIN_PATH.test(target)) return ok({ path: target, query: new URLSearchParams() })
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  if (!path.startsWith('/')) return refused('the request target must be a path')
  if (!/^[\x21-\x7e]*$/.test(target) || target.includes('#'))
    return refused('the request target has forbidden characters')
  if (path.includes('\\') || path.includes('//')) return refused('the path has empty segments or backslashes')
  if (/%(?![0-9a-f]{2})/i.test(path)) return refused('the path has a broken percent-encoding')
  if (/%(?:2e|5c|0[0-9a-f]|1[0-9a-f]|7f)/i.test(path))
    return refused('the path has an encoded dot, backslash or control character')
  // An encoded slash is data in registry names (`/v0.1/servers/ns%2Fname`), nowhere else.
  if (/%2f/i.test(path) && !path.startsWith('/v0.1/servers/')) return refused('the path has an encoded slash')
  if (path.split('/').some((segment) => segment === '.' || segment === '..'))
    return refused('the path has dot segments')
  return ok({
    path,
    query: new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1)),
  })
}
