/**
 * The tables as kysely sees them; schema.md says what every column holds.
 * Portable subset: text ids, integer times (seconds unless named Ms or Us), JSON as text, sealed values as blobs.
 */
export interface Database {
  account_links: AccountLinksTable
  accounts: AccountsTable
  setup_links: SetupLinksTable
  clients: ClientsTable
  grants: GrantsTable
  engine_documents: EngineDocumentsTable
  feed: FeedTable
  limits: LimitsTable
  signing_keys: SigningKeysTable
  audit_entries: AuditEntriesTable
  audit_personal: AuditPersonalTable
  audit_checkpoints: AuditCheckpointsTable
  counters: CountersTable
  replicas: ReplicasTable
  key_claims: KeyClaimsTable
  api_keys: ApiKeysTable
  api_key_secrets: ApiKeySecretsTable
  initial_access_tokens: InitialAccessTokensTable
  used_proofs: UsedProofsTable
  provider_logins: ProviderLoginsTable
  totp_secrets: TotpSecretsTable
  recovery_codes: RecoveryCodesTable
  passkeys: PasskeysTable
}

export interface TotpSecretsTable {
  tenant: string
  subject: string
  sealed: string
  last_step: number
  created_at: number
}

export interface RecoveryCodesTable {
  tenant: string
  subject: string
  code_hash: string
  created_at: number
  used_at: number | null
}

export interface PasskeysTable {
  tenant: string
  credential_id: string
  subject: string
  name: string
  public_key: string
  counter: number
  is_synced: number
  created_at: number
  last_used_at: number | null
}

export interface AccountLinksTable {
  tenant: string
  issuer: string
  external_subject: string
  subject: string
  linked_at: number
  linked_by: 'operator' | 'email' | 'provider'
}

export interface AccountsTable {
  tenant: string
  subject: string
  username: string
  display_name: string
  password_hash: string
  roles: string
  status: 'active' | 'disabled'
  created_at: number
  password_changed_at: number
}

export interface SetupLinksTable {
  tenant: string
  link_hash: string
  expires_at: number
  used_at: number | null
}

export interface ClientsTable {
  tenant: string
  client_id: string
  kind: 'dynamic' | 'metadataDocument' | 'preregistered'
  status: 'pending' | 'active' | 'removed'
  metadata: string
  sealed_secret: Uint8Array | null
  created_at: number
  approved_at: number | null
  approved_by: string | null
  admitted_by: string | null
  lookalikes: string
  removed_cause: string | null
}

export interface GrantsTable {
  tenant: string
  grant_id: string
  number: number
  subject: string
  client_id: string
  server: string
  resource: string
  scopes: string
  created_at: number
  expires_at: number
  revoked_at: number | null
  revoked_cause: string | null
  client_digest: string | null
  login_id: string | null
}

export interface ProviderLoginsTable {
  tenant: string
  login_id: string
  provider: string
  issuer: string
  external_subject: string | null
  sid: string | null
  subject: string | null
  authenticated_at: number
  expires_at: number
  refresh_token: string | null
  checked_at: number
  check_due_at: number | null
  suspended_at: number | null
  ended_at: number | null
  ended_cause: string | null
}

export interface EngineDocumentsTable {
  tenant: string
  model: string
  id: string
  payload: string
  grant_id: string | null
  uid: string | null
  user_code: string | null
  account_id: string | null
  client_id: string | null
  expires_at: number | null
  consumed_at: number | null
  reply: string | null
  reply_until: number | null
}

export interface FeedTable {
  tenant: string
  number: number
  kind: 'grant' | 'subject' | 'client' | 'tenant' | 'token' | 'membership' | 'signingKeys'
  id: string
  at: number
  grants_below: number | null
  lapses_at: number
}

export interface LimitsTable {
  tenant: string
  key: string
  full_at_us: number
}

export interface SigningKeysTable {
  tenant: string
  purpose: 'accessToken' | 'cookie'
  kid: string
  algorithm: string
  status: 'next' | 'active' | 'retiring'
  sealed: Uint8Array
  public_jwk: string | null
  created_at: number
  due_at: number | null
  activated_at: number | null
  retired_at: number | null
}

export interface AuditEntriesTable {
  tenant: string
  id: string
  arrival: number
  position: number | null
  time_ms: number
  request_id: string | null
  body: string
}

export interface AuditPersonalTable {
  tenant: string
  id: string
  sealed: Uint8Array
}

export interface AuditCheckpointsTable {
  tenant: string
  size: number
  note: string
  time_ms: number
}

export interface CountersTable {
  tenant: string
  name: string
  value: number
}

export interface ReplicasTable {
  tenant: string
  id: string
  state: 'alive' | 'ended'
  beats: number
  from_position: number
  joined_at: number
}

export interface KeyClaimsTable {
  tenant: string
  purpose: 'sealing' | 'checkpoint'
  key_id: string
  claimed_at: number
}

export interface ApiKeysTable {
  tenant: string
  key_id: string
  name: string
  subject: string
  created_at: number
  created_by: string
  expires_at: number
  revoked_at: number | null
  revoked_cause: string | null
  last_used_at: number | null
  rotations: number
}

export interface ApiKeySecretsTable {
  tenant: string
  secret_id: string
  key_id: string
  hash: string
  created_at: number
  ends_at: number
}

export interface InitialAccessTokensTable {
  tenant: string
  token_id: string
  name: string
  hash: string
  uses: number
  uses_max: number
  created_at: number
  created_by: string
  expires_at: number
  revoked_at: number | null
}

export interface UsedProofsTable {
  tenant: string
  id: string
  expires_at: number
}
