import { originOf, pathOf } from '#core/issuer-url.ts'

/** RFC 9728 §3.1: the well-known part goes between host and path of the resource identifier. `path` begins with a slash and is the part below the issuer. */
export function resourceMetadataUrl(issuer: string, path: string): string {
  return `${originOf(issuer)}/.well-known/oauth-protected-resource${pathOf(issuer)}${path}`
}
