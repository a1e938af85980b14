import { clientTokenOperations } from './client-tokens.ts'
import { clientOperations } from './clients.ts'
import { configurationOperations } from './configuration.ts'
import { grantOperations } from './grants.ts'
import { identityProviderOperations } from './identity-providers.ts'
import { keyOperations } from './keys.ts'
import { linkOperations } from './links.ts'
import { logOperations } from './log.ts'
import type { Operation } from './operation.ts'
import { signingKeyOperations } from './signing-keys.ts'
import { userOperations } from './users.ts'

/** Every operation of the admin API, in the order of the documentation. */
export const OPERATIONS: readonly Operation[] = [
  ...userOperations,
  ...linkOperations,
  ...clientOperations,
  ...clientTokenOperations,
  ...grantOperations,
  ...keyOperations,
  ...signingKeyOperations,
  ...identityProviderOperations,
  ...logOperations,
  ...configurationOperations,
]
