import type { Check } from '../probe.ts'
import { authenticationRequired } from './01-authentication-required.ts'
import { challenge } from './02-challenge.ts'
import { resourceMetadata } from './03-resource-metadata.ts'
import { serverMetadata } from './04-server-metadata.ts'
import { pkce } from './05-pkce.ts'
import { redirect } from './06-redirect.ts'
import { registration } from './07-registration.ts'
import { tokenValidation } from './08-token-validation.ts'
import { audience } from './09-audience.ts'
import { scopes } from './10-scopes.ts'
import { lifetime } from './11-lifetime.ts'
import { transport } from './12-transport.ts'

export const CHECKS: readonly Check[] = [
  authenticationRequired,
  challenge,
  resourceMetadata,
  serverMetadata,
  pkce,
  redirect,
  registration,
  tokenValidation,
  audience,
  scopes,
  lifetime,
  transport,
]
