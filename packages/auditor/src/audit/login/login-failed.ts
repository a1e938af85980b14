/** Where a login did not lead to what it should. */
export class LoginFailed extends Error {}

/** Where a login was not tried, because the audit was not given what it takes. */
export class LoginMissing extends LoginFailed {}
