import type { Route } from '#http/exchange.ts'
import { safeUrl } from '#http/html.ts'
import { sendRedirect } from '#http/respond.ts'
import { acceptForm, refuseForged } from '../../pages/accept-form.ts'
import { answerProblem } from '../../pages/answer.ts'
import type { PageContext } from '../../pages/deps.ts'
import { askForPassword, type LoginPlace } from '../handle-login.ts'
import { askForAddress, loginPathOf } from './ask-for-address.ts'

const ADDRESS_CHARACTERS_MAX = 254

/**
 * From the address to where its domain logs in. It depends on the domain alone, so that nobody learns here who has an account; the address
 * itself goes nowhere.
 */
export function findProvider(context: PageContext, place: LoginPlace): Route['handler'] {
  return async (exchange, { uid = '' }) => {
    const form = await acceptForm(context, exchange, 'login')
    if (form === null) return
    const interaction = await context.interactions.load(exchange, uid)
    if (interaction?.prompt !== place) return answerProblem(exchange, 'expired')
    if (await refuseForged(context, exchange, 'login', `where:${uid}`, form)) return
    const address = (form.get('address') ?? '').trim().toLowerCase().slice(0, ADDRESS_CHARACTERS_MAX)
    if (address === '')
      return askForAddress(context, exchange, interaction, place, 422, { address, problem: 'missing' })
    const { identityProviders, hasPasswords, publicUrl } = context.snapshots.current()
    const domain = address.slice(address.lastIndexOf('@') + 1)
    const provider = [...identityProviders.values()].find(({ emailDomains }) => emailDomains.includes(domain))
    if (provider !== undefined) {
      const url = safeUrl(`${loginPathOf(uid, place)}/with/${encodeURIComponent(provider.name)}`, publicUrl)
      return sendRedirect(exchange.response, String(url))
    }
    if (hasPasswords) return askForPassword(context, exchange, interaction, address)
    askForAddress(context, exchange, interaction, place, 404, { address, problem: 'unknown' })
  }
}
