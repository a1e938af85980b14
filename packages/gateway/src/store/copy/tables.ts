import type { Database } from '../sql/schema.ts'

/** Every table with its primary key, in which its rows have one order on every engine. */
export const TABLE_KEYS = {
  accounts: ['tenant', 'subject'],
  account_links: ['tenant', 'issuer', 'external_subject'],
  setup_links: ['tenant'],
  clients: ['tenant', 'client_id'],
  grants: ['tenant', 'grant_id'],
  engine_documents: ['tenant', 'model', 'id'],
  feed: ['number', 'tenant'],
  limits: ['tenant', 'key'],
  signing_keys: ['tenant', 'purpose', 'kid'],
  audit_entries: ['tenant', 'id'],
  audit_personal: ['tenant', 'id'],
  audit_checkpoints: ['tenant', 'size'],
  counters: ['tenant', 'name'],
  replicas: ['tenant', 'id'],
  key_claims: ['tenant', 'purpose'],
  api_keys: ['tenant', 'key_id'],
  api_key_secrets: ['tenant', 'secret_id'],
  initial_access_tokens: ['tenant', 'token_id'],
  used_proofs: ['tenant', 'id'],
  provider_logins: ['tenant', 'login_id'],
  totp_secrets: ['tenant', 'subject'],
  recovery_codes: ['tenant', 'subject', 'code_hash'],
  passkeys: ['tenant', 'credential_id'],
} as const satisfies { readonly [T in keyof Database]: readonly (keyof Database[T])[] }

export type TableName = keyof Database
export const TABLES = Object.keys(TABLE_KEYS) as TableName[] // Exactly the keys above.
