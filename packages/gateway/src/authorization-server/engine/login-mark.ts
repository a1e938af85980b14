/**
 * What a session of ours has to remember of the login that it stands on: which one at an identity provider it was, and whether that one said
 * when. The engine carries nothing of ours in a session but the list of methods (`amr`), through codes and refresh tokens, and puts it into no
 * token: so it travels there.
 */
const LOGIN = 'provider-login:'
const TIME_UNKNOWN = 'time-unknown'

export function withLogin(
  amr: readonly string[],
  { loginId, isTimeKnown }: { readonly loginId: string | null; readonly isTimeKnown: boolean },
): readonly string[] {
  return [...amr, ...(loginId === null ? [] : [`${LOGIN}${loginId}`]), ...(isTimeKnown ? [] : [TIME_UNKNOWN])]
}

/** Null for a login here, with a password. */
export function loginIn(amr: unknown): string | null {
  if (!Array.isArray(amr)) return null
  const mark: unknown = amr.find((method) => typeof method === 'string' && method.startsWith(LOGIN))
  return typeof mark === 'string' ? mark.slice(LOGIN.length) : null
}

export function isTimeKnownIn(amr: unknown): boolean {
  return !Array.isArray(amr) || !amr.includes(TIME_UNKNOWN)
}
