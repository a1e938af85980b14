import type { Kysely } from 'kysely'
import type { Store } from '../ports/store.ts'
import { createAccountLinks } from './account-links.ts'
import { createAccounts } from './accounts.ts'
import { createApiKeys } from './api-keys.ts'
import { createAudit } from './audit.ts'
import { createClients } from './clients.ts'
import { createEngine } from './engine.ts'
import { createFactors } from './factors.ts'
import { createFeed } from './feed.ts'
import { createGrants } from './grants.ts'
import { createInitialAccessTokens } from './initial-access-tokens.ts'
import { createKeyClaims } from './key-claims.ts'
import { createLimits } from './limits.ts'
import { createProviderLogins } from './provider-logins.ts'
import { createReplicas } from './replicas.ts'
import type { Database } from './schema.ts'
import { createSigningKeys } from './signing-keys.ts'
import { createUsedProofs } from './used-proofs.ts'

/** What is the same on every engine: transactions over tables. */
export type Ports = Omit<Store, 'close' | 'lost' | 'hints' | 'leads' | 'turns'>

/**
 * Every port over one open transaction. Whoever calls a method runs that transaction: commits when the method resolves, rolls back
 * when it rejects, and rolls back too on a `RollBack`, resolving with its outcome.
 */
export function createPorts(transaction: Kysely<Database>): Ports {
  return {
    accountLinks: createAccountLinks(transaction),
    accounts: createAccounts(transaction),
    apiKeys: createApiKeys(transaction),
    audit: createAudit(transaction),
    clients: createClients(transaction),
    engine: createEngine(transaction),
    factors: createFactors(transaction),
    feed: createFeed(transaction),
    grants: createGrants(transaction),
    initialAccessTokens: createInitialAccessTokens(transaction),
    keyClaims: createKeyClaims(transaction),
    limits: createLimits(transaction),
    providerLogins: createProviderLogins(transaction),
    replicas: createReplicas(transaction),
    signingKeys: createSigningKeys(transaction),
    usedProofs: createUsedProofs(transaction),
  }
}

/** Which methods only look. The compiler sees to it that none is missing; looking needs no commit. */
export const PORT_METHODS = {
  accountLinks: { link: 'writes', openAccount: 'writes', find: 'looks', list: 'looks', unlink: 'writes' },
  accounts: {
    create: 'writes',
    issueSetupLink: 'writes',
    setupLinkIsValid: 'looks',
    createFirst: 'writes',
    count: 'looks',
    find: 'looks',
    findByUsername: 'looks',
    list: 'looks',
    setPassword: 'writes',
    setRoles: 'writes',
    setStatus: 'writes',
  },
  apiKeys: {
    create: 'writes',
    find: 'looks',
    findBySecret: 'looks',
    list: 'looks',
    rotate: 'writes',
    revoke: 'writes',
    noteUses: 'writes',
  },
  audit: {
    append: 'writes',
    appendAgain: 'writes',
    sequence: 'writes',
    read: 'looks',
    latest: 'looks',
    byRequest: 'looks',
    size: 'looks',
    progress: 'looks',
    addCheckpoint: 'writes',
    latestCheckpoint: 'looks',
    checkpoints: 'looks',
    erasePersonal: 'writes',
  },
  clients: {
    register: 'writes',
    find: 'looks',
    list: 'looks',
    approve: 'writes',
    remove: 'writes',
    collectPending: 'writes',
    listUnused: 'looks',
    removeUnused: 'writes',
  },
  engine: {
    find: 'looks',
    findByUid: 'looks',
    findByUserCode: 'looks',
    commit: 'writes',
    collectExpired: 'writes',
  },
  factors: {
    of: 'looks',
    findTotp: 'looks',
    enrolTotp: 'writes',
    useTotp: 'writes',
    removeTotp: 'writes',
    replaceRecoveryCodes: 'writes',
    useRecoveryCode: 'writes',
    addPasskey: 'writes',
    findPasskey: 'looks',
    usePasskey: 'writes',
    removePasskey: 'writes',
    reset: 'writes',
  },
  feed: { head: 'looks', since: 'looks' },
  grants: { find: 'looks', list: 'looks', revoke: 'writes', revokeAll: 'writes', revokeToken: 'writes' },
  initialAccessTokens: { create: 'writes', find: 'looks', list: 'looks', revoke: 'writes' },
  keyClaims: { claim: 'writes', find: 'looks' },
  limits: { draw: 'writes', reset: 'writes', collectIdle: 'writes' },
  providerLogins: {
    begin: 'writes',
    find: 'looks',
    subjectsOf: 'looks',
    endElsewhere: 'writes',
    end: 'writes',
    listDue: 'looks',
    listOfOthers: 'looks',
    claimCheck: 'writes',
    confirm: 'writes',
    suspend: 'writes',
    isSuspended: 'looks',
    collect: 'writes',
  },
  replicas: { join: 'writes', beat: 'writes', end: 'writes', list: 'looks', settle: 'writes' },
  signingKeys: {
    list: 'looks',
    addFirst: 'writes',
    addNext: 'writes',
    makeDue: 'writes',
    promote: 'writes',
    withdraw: 'writes',
    removeRetired: 'writes',
  },
  usedProofs: { use: 'writes', collectExpired: 'writes' },
} as const satisfies { readonly [P in keyof Ports]: { readonly [M in keyof Ports[P]]: 'looks' | 'writes' } }
