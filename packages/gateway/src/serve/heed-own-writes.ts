import type { Store } from '#store/ports/store.ts'

/**
 * The same store, but a step that takes authority away is answered only after this process has read the feed that says so: what was
 * revoked here is refused here from the answer on. Other replicas follow within the poll interval.
 */
export function heedOwnWrites(store: Store, poll: () => Promise<void>, keysHeeded: () => Promise<void>): Store {
  const heeded = async <R>(step: Promise<R>): Promise<R> => {
    const result = await step
    // The step is committed and must be answered as done. A feed that cannot be read goes stale by itself, and then nobody gets in.
    await poll().catch(() => undefined)
    return result
  }
  const heededKeys = async <R>(step: Promise<R>): Promise<R> => {
    const result = await heeded(step)
    await keysHeeded()
    return result
  }
  const { accounts, apiKeys, clients, engine, grants, providerLogins, signingKeys } = store
  return {
    ...store,
    accounts: {
      ...accounts,
      setPassword: (...args) => heeded(accounts.setPassword(...args)),
      setRoles: (...args) => heeded(accounts.setRoles(...args)),
      setStatus: (...args) => heeded(accounts.setStatus(...args)),
    },
    apiKeys: {
      ...apiKeys,
      rotate: (...args) => heeded(apiKeys.rotate(...args)),
      revoke: (...args) => heeded(apiKeys.revoke(...args)),
    },
    clients: { ...clients, remove: (...args) => heeded(clients.remove(...args)) },
    engine: {
      ...engine,
      commit: (tenant, operations, audit) => {
        const commit = engine.commit(tenant, operations, audit)
        return operations.some(({ kind }) => kind === 'revokeGrant') ? heeded(commit) : commit
      },
    },
    grants: {
      ...grants,
      revoke: (...args) => heeded(grants.revoke(...args)),
      revokeAll: (...args) => heeded(grants.revokeAll(...args)),
      revokeToken: (...args) => heeded(grants.revokeToken(...args)),
    },
    providerLogins: {
      ...providerLogins,
      endElsewhere: (...args) => heeded(providerLogins.endElsewhere(...args)),
      end: (...args) => heeded(providerLogins.end(...args)),
      suspend: (...args) => heeded(providerLogins.suspend(...args)),
    },
    signingKeys: {
      ...signingKeys,
      makeDue: (...args) => heededKeys(signingKeys.makeDue(...args)),
      withdraw: (...args) => heededKeys(signingKeys.withdraw(...args)),
    },
  }
}
