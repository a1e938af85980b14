import { TOOL_CLASSES } from '#core/tool-classes.ts'
import type { RoleSection } from './schema.ts'

/**
 * Roles of a configuration that names none. The first account is an `operator`. A `user` may read, write and send; what destroys,
 * executes, pays or administers is given by name.
 */
export const DEFAULT_ROLES: Readonly<Record<string, RoleSection>> = {
  operator: { admin: 'operator', allow: { '*': [...TOOL_CLASSES] } },
  user: { admin: 'user', allow: { '*': ['read', 'write', 'send'] } },
  auditor: { admin: 'auditor', allow: {} },
  approver: { admin: 'approver', allow: {} },
}
