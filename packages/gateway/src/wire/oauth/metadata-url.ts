/** RFC 9728 §3.1: the well-known part goes between host and path of the resource identifier. `path` begins with a slash. */
export function resourceMetadataUrl(origin: string, path: string): string {
  return `${origin}/.well-known/oauth-protected-resource${path}`
}
