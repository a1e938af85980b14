import { acrOf, MULTI_FACTOR } from '#core/acr.ts'
import type { FindPlace } from '../login/factors/place.ts'
import type { PageContext } from '../pages/deps.ts'
import { openAccountSession } from './account-session.ts'

/** The person's own page: no client waits, and what comes of it is a session of that page alone. */
export function placeOfAccount(context: PageContext): FindPlace {
  return async (exchange) => ({
    path: '/account',
    key: 'account',
    needsSecondFactor: context.snapshots.current().requiresSecondFactor === true,
    keepsOpener: false,
    about: {},
    finish: async (account) => {
      openAccountSession(context, exchange, account, acrOf(account.amr) === MULTI_FACTOR)
      return '/account'
    },
  })
}
