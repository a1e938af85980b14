import type { ProtectedResource, SenderPolicy, SenderRule, Snapshot } from '#core/snapshot.ts'
import { tierOf } from './tiers.ts'

/** What a token is bound to, as its `cnf` says; null for none. */
export type Binding = { readonly jkt: string | null; readonly x5t: string | null } | null

/** The rules that hold for one token, all of them at once. */
export interface SenderRequirement {
  /** Null when a token bound like this may be given out and used; else an audit reason. */
  missingIn(binding: Binding): string | null
}

export const NOTHING_REQUIRED: SenderRequirement = { missingIn: () => null }

/** Pure. What a token of these scopes for this client has to be bound to: the rules of its server, its tiers and its client together. */
export function senderRequirement(
  token: { readonly resource: ProtectedResource; readonly scopes: readonly string[]; readonly clientId: string },
  { senders }: Pick<Snapshot, 'senders'>,
): SenderRequirement {
  if (!asksForSomething(senders)) return NOTHING_REQUIRED
  return requireAll([
    senders.servers.get(token.resource.id) ?? senders.everywhere,
    ...token.scopes.map((scope) => senders.tiers.get(tierOf(scope, token.resource)) ?? 'none'),
    senders.clients.get(token.clientId) ?? 'none',
  ])
}

/** Whether any rule asks for a key or a certificate at all: the usual configuration asks for none. */
export function asksForSomething({ everywhere, servers, tiers, clients }: SenderPolicy): boolean {
  return everywhere !== 'none' || servers.size > 0 || tiers.size > 0 || clients.size > 0
}

/** What metadata says of a resource: its own rule, whatever the client and the scopes. */
export function senderRuleOf(resource: ProtectedResource, { senders }: Pick<Snapshot, 'senders'>): SenderRule {
  return senders.servers.get(resource.id) ?? senders.everywhere
}

export function requireAll(rules: readonly SenderRule[]): SenderRequirement {
  const needed = new Set(rules.filter((rule) => rule !== 'none'))
  if (needed.size === 0) return NOTHING_REQUIRED
  return {
    missingIn: (binding) => {
      const hasKey = binding !== null && binding.jkt !== null
      const hasCertificate = binding !== null && binding.x5t !== null
      if (needed.has('dpop') && !hasKey) return 'dpopRequired'
      if (needed.has('mtls') && !hasCertificate) return 'mtlsRequired'
      return hasKey || hasCertificate ? null : 'bindingRequired'
    },
  }
}
