import type { Result } from './result.ts'

/** What would become of somebody who logged in. */
export interface Foreseen {
  /** Null: one that would be made up. */
  readonly username: string | null
  readonly how: 'linked' | 'linkedByAddress' | 'opened'
  readonly roles: readonly string[]
}

/** What a login came to. Nobody was logged in, and no account was opened, linked or changed. */
export interface TestResult {
  /** Null: the person would be let in. */
  readonly reason: string | null
  /** In the words of the provider or of the library that speaks with it. */
  readonly said: string | null
  /** Of the verified ID token; long ones are cut. Null where there is none. */
  readonly claims: Readonly<Record<string, unknown>> | null
  readonly account: Foreseen | null
  readonly authentication: {
    /** Seconds; null where the provider does not say when the person proved themselves. */
    readonly at: number | null
    readonly amr: readonly string[]
    readonly isMultiFactor: boolean
  } | null
}

export interface BegunTest {
  readonly testId: string
  /** Where somebody who has an account at the provider logs in. Good for a quarter of an hour. */
  readonly url: string
  /** To be registered at the provider. */
  readonly redirectUri: string
}

/** Logins that an operator tries out before anybody depends on them. */
export interface IdentityTests {
  begin(
    name: string,
  ): Promise<
    Result<BegunTest, { readonly kind: 'unknown' } | { readonly kind: 'unreachable'; readonly said: string | null }>
  >
  /** Null where there is no such test, or none any more; its result is null until the browser is back. */
  look(testId: string): Promise<{ readonly provider: string; readonly result: TestResult | null } | null>
}
