/**
 * No access token is accepted that was made to live longer (DESIGN §7: 30 minutes at most). Revocations of single tokens are kept this
 * long and then forgotten, so both must read the same number.
 */
export const ACCESS_TOKEN_SECONDS_MAX = 60 * 60
