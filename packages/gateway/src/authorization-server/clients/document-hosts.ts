import type { RegistrationPolicy } from '#core/snapshot.ts'

/** Safe to show. */
export const HOST_PROBLEM = 'This gateway does not accept clients of this web site. Ask its operator.'

/** Whose metadata documents are accepted. What is denied is denied, whatever else allows it. */
export function hostIsTrusted(hostname: string, { allow, deny }: RegistrationPolicy['documentHosts']): boolean {
  if (deny.some((entry) => covers(entry, hostname))) return false
  return allow.length === 0 || allow.some((entry) => covers(entry, hostname))
}

/** `*.example.com` is every host below, and not the domain itself. */
function covers(entry: string, hostname: string): boolean {
  return entry.startsWith('*.') ? hostname.endsWith(entry.slice(1)) : hostname === entry
}
