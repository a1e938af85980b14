import type { AuditEvent } from '#audit/trail.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { LoginOutcome } from '../../interactions.ts'
import { answerProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import { keepsOpener } from '../../pages/keeps-opener.ts'
import type { LoginPlace } from '../handle-login.ts'

/** Where somebody who has shown one thing shows another: an authorization that waits, or their own account page. */
export interface FactorPlace {
  /** Path that its pages post below. */
  readonly path: string
  /** What proofs made here are good for: this place and no other. */
  readonly key: string
  /** Whether one factor is not enough here, so that who has no second one sets it up first. */
  readonly needsSecondFactor: boolean
  readonly keepsOpener: boolean
  /** For records. */
  readonly about: Pick<AuditEvent, 'clientId' | 'server'>
  /** Where to go next; null when what waited is gone. */
  finish(outcome: Omit<LoginOutcome, 'loginId' | 'isTimeKnown'>): Promise<string | null>
}

/** Null: there is none, and the exchange has been answered. */
export type FindPlace = (
  exchange: HttpExchange,
  parameters: Readonly<Record<string, string>>,
) => Promise<FactorPlace | null>

/** The authorization that this browser began. */
export function placeOfInteraction(context: PageContext, page: LoginPlace): FindPlace {
  return async (exchange, { uid = '' }) => {
    const interaction = await context.interactions.load(exchange, uid)
    if (interaction?.prompt !== page) {
      answerProblem(exchange, 'expired')
      return null
    }
    const snapshot = context.snapshots.current()
    const segment = encodeURIComponent(uid)
    return {
      path: page === 'login' ? `/login/${segment}` : `/consent/${segment}/account`,
      key: `${page}:${uid}`,
      needsSecondFactor: snapshot.requiresSecondFactor === true || interaction.demand.multiFactor,
      keepsOpener: keepsOpener(interaction, snapshot),
      about: { clientId: interaction.clientId, server: interaction.server.id },
      finish: (outcome) =>
        context.interactions.finishLogin(exchange, interaction, { ...outcome, loginId: null, isTimeKnown: true }),
    }
  }
}
