/** One authorization, with the newest tokens that the client was given whole. */
export interface HeldGrant {
  readonly clientId: string
  readonly server: string
  accessToken: string
  refreshToken: string
  /** Somebody is doing something with it. */
  isBusy: boolean
}

/** What the clients were told, and nothing else: an effect enters here only after its answer was read to the end. */
export class Ledger {
  /** Acknowledged and nobody's answer about them is missing: they must work. */
  readonly grants: HeldGrant[] = []
  /** Being refreshed when the answer went missing; the client tries again. */
  readonly unanswered: { readonly grant: HeldGrant; readonly begunAtMs: number }[] = []
  /** Revoked, and told so. */
  readonly revoked: HeldGrant[] = []
  /** Absent: the answer to something about this user is missing. */
  readonly users = new Map<string, 'active' | 'disabled'>()
  readonly clients = new Set<string>()
  /** Calls whose answer was read, by request id. */
  readonly answered: { readonly requestId: string; readonly tool: string; readonly isError: boolean }[] = []
  /** How many effects of each kind were acknowledged. */
  readonly counts: Record<string, number> = {}
  /** What must not happen while the gateway runs. */
  readonly faults: string[] = []

  count(kind: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
  }

  /** The grant, busy from now on; null if none is free. */
  take(choose: (free: readonly HeldGrant[]) => HeldGrant | undefined, isEligible: (grant: HeldGrant) => boolean) {
    const grant = choose(this.grants.filter((one) => !one.isBusy && isEligible(one)))
    if (grant === undefined) return null
    grant.isBusy = true
    return grant
  }

  /** It is not known any more what holds for this grant. */
  forget(grant: HeldGrant): void {
    const at = this.grants.indexOf(grant)
    if (at >= 0) this.grants.splice(at, 1)
  }
}
