import type { StoreFailure } from '../errors.ts'
import type { AccountLinksPort } from './account-links.ts'
import type { AccountsPort } from './accounts.ts'
import type { ApiKeysPort } from './api-keys.ts'
import type { AuditPort } from './audit.ts'
import type { ClientsPort } from './clients.ts'
import type { EnginePort } from './engine.ts'
import type { FactorsPort } from './factors.ts'
import type { FeedPort } from './feed.ts'
import type { GrantsPort } from './grants.ts'
import type { HintsPort } from './hints.ts'
import type { InitialAccessTokensPort } from './initial-access-tokens.ts'
import type { KeyClaimsPort } from './key-claims.ts'
import type { LeadsPort } from './leads.ts'
import type { LimitsPort } from './limits.ts'
import type { ProviderLoginsPort } from './provider-logins.ts'
import type { ReplicasPort } from './replicas.ts'
import type { SigningKeysPort } from './signing-keys.ts'
import type { TurnsPort } from './turns.ts'
import type { UsedProofsPort } from './used-proofs.ts'

/**
 * Everything that is kept, each port named for its state machine and moving in one atomic step.
 * Calls reject only when the store is broken (disk full, file gone, closed): callers refuse, with 503. The one exception is a list
 * asked for with a foreign cursor (CursorInvalid). Whoever needs to see its own write awaits it first.
 */
export interface Store {
  readonly accountLinks: AccountLinksPort
  readonly accounts: AccountsPort
  readonly apiKeys: ApiKeysPort
  readonly audit: AuditPort
  readonly clients: ClientsPort
  readonly engine: EnginePort
  readonly factors: FactorsPort
  readonly feed: FeedPort
  readonly grants: GrantsPort
  readonly hints: HintsPort
  readonly initialAccessTokens: InitialAccessTokensPort
  readonly keyClaims: KeyClaimsPort
  readonly leads: LeadsPort
  readonly limits: LimitsPort
  readonly providerLogins: ProviderLoginsPort
  readonly replicas: ReplicasPort
  readonly signingKeys: SigningKeysPort
  readonly turns: TurnsPort
  readonly usedProofs: UsedProofsPort
  /** Resolves when the store is gone for good though nobody closed it. Never rejects. */
  readonly lost: Promise<StoreFailure>
  close(): Promise<void>
}
