import type { AdminRole } from '#core/snapshot.ts'

/** `own`: only what belongs to the caller; anything else looks as if it were not there. */
export type Access = 'all' | 'own' | 'none'

/** Who may do what. Several roles add up. The local operator (Unix socket) is an `operator`. */
export const PERMISSIONS = {
  'users.list': { operator: 'all', approver: 'none', auditor: 'all', user: 'none' },
  'users.show': { operator: 'all', approver: 'own', auditor: 'all', user: 'own' },
  'users.create': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'users.setRoles': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'users.disable': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'users.enable': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'users.setPassword': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'users.resetFactors': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'users.links': { operator: 'all', approver: 'own', auditor: 'all', user: 'own' },
  'users.link': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'users.unlink': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'clients.list': { operator: 'all', approver: 'all', auditor: 'all', user: 'none' },
  'clients.show': { operator: 'all', approver: 'all', auditor: 'all', user: 'none' },
  'clients.approve': { operator: 'all', approver: 'all', auditor: 'none', user: 'none' },
  'clients.remove': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'clientTokens.list': { operator: 'all', approver: 'all', auditor: 'all', user: 'none' },
  'clientTokens.create': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'clientTokens.revoke': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'grants.list': { operator: 'all', approver: 'own', auditor: 'all', user: 'own' },
  'grants.show': { operator: 'all', approver: 'own', auditor: 'all', user: 'own' },
  'grants.revoke': { operator: 'all', approver: 'own', auditor: 'own', user: 'own' },
  'grants.revokeMany': { operator: 'all', approver: 'own', auditor: 'own', user: 'own' },
  'grants.revokeAll': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'tokens.revoke': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'keys.list': { operator: 'all', approver: 'own', auditor: 'all', user: 'own' },
  'keys.show': { operator: 'all', approver: 'own', auditor: 'all', user: 'own' },
  'keys.create': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'keys.rotate': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'keys.revoke': { operator: 'all', approver: 'own', auditor: 'own', user: 'own' },
  'signingKeys.list': { operator: 'all', approver: 'none', auditor: 'all', user: 'none' },
  'signingKeys.rotate': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'identityProviders.test': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'identityProviders.testResult': { operator: 'all', approver: 'none', auditor: 'none', user: 'none' },
  'log.show': { operator: 'all', approver: 'none', auditor: 'all', user: 'none' },
  'log.explain': { operator: 'all', approver: 'none', auditor: 'all', user: 'none' },
  'log.verify': { operator: 'all', approver: 'none', auditor: 'all', user: 'none' },
  'log.export': { operator: 'all', approver: 'none', auditor: 'all', user: 'none' },
  'log.checkpoint': { operator: 'all', approver: 'none', auditor: 'all', user: 'none' },
  'configuration.show': { operator: 'all', approver: 'none', auditor: 'all', user: 'none' },
  'health.show': { operator: 'all', approver: 'all', auditor: 'all', user: 'all' },
} as const satisfies Readonly<Record<string, Readonly<Record<AdminRole, Access>>>>

export type OperationId = keyof typeof PERMISSIONS

/** The widest access that any of the roles gives; no role gives none. */
export function accessOf(roles: Iterable<AdminRole>, operation: OperationId): Access {
  let widest: Access = 'none'
  for (const role of roles) {
    const access: Access = PERMISSIONS[operation][role]
    if (access === 'all') return 'all'
    if (access === 'own') widest = 'own'
  }
  return widest
}
