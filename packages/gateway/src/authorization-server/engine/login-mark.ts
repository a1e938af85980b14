/**
 * Which login at an identity provider a session of ours stands on. The engine carries nothing of ours in a session but the list of methods
 * (`amr`), through codes and restarts, and puts it into no token: so the login's id travels there.
 */
const MARK = 'provider-login:'

export function withLogin(amr: readonly string[], loginId: string | null): readonly string[] {
  return loginId === null ? amr : [...amr, `${MARK}${loginId}`]
}

/** Null for a login here, with a password. */
export function loginIn(amr: unknown): string | null {
  if (!Array.isArray(amr)) return null
  const mark: unknown = amr.find((method) => typeof method === 'string' && method.startsWith(MARK))
  return typeof mark === 'string' ? mark.slice(MARK.length) : null
}
