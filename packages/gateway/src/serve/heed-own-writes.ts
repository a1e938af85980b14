import type { Store } from '#store/ports/store.ts'

/**
 * The same store, but a step that takes authority away is answered only after this process has read the feed that says so: what was
 * revoked here is refused here from the answer on. Other replicas follow within the poll interval.
 */
export function heedOwnWrites(store: Store, poll: () => Promise<void>): Store {
  const heed =
    <A extends unknown[], R>(step: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const result = await step(...args)
      // The step is committed and must be answered as done. A feed that cannot be read goes stale by itself, and then nobody gets in.
      await poll().catch(() => undefined)
      return result
    }
  const { accounts, clients, engine, grants } = store
  return {
    ...store,
    accounts: {
      ...accounts,
      setPassword: heed(accounts.setPassword),
      setRoles: heed(accounts.setRoles),
      setStatus: heed(accounts.setStatus),
    },
    clients: { ...clients, remove: heed(clients.remove) },
    engine: {
      ...engine,
      commit: (tenant, operations, audit) =>
        operations.some(({ kind }) => kind === 'revokeGrant')
          ? heed(engine.commit)(tenant, operations, audit)
          : engine.commit(tenant, operations, audit),
    },
    grants: { ...grants, revoke: heed(grants.revoke), revokeToken: heed(grants.revokeToken) },
  }
}
