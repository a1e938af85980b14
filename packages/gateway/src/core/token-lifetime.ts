/**
 * No access token is accepted that was made to live longer, and the configuration allows no longer life. Revocations of single tokens are
 * kept this long and then forgotten, so both must read the same number.
 */
export const ACCESS_TOKEN_SECONDS_MAX = 30 * 60
