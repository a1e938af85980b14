import type { Context, ErrorOut, OIDCProviderError } from 'oidc-provider'
import { pageHeaders } from '#http/page-headers.ts'
import type { ClientResolution } from '../clients/registry.ts'
import { errorPage } from '../pages/error-page.ts'
import { currentUnit } from './unit-of-work.ts'

export interface Explanation {
  readonly title: string
  readonly whatHappened: string
  readonly whatToDo: string
}

/** RFC 6749 §4.1.2.1: without a client and a redirect URI that we trust, the error stays here, on a page for the person. */
export async function renderAuthorizationError(context: Context, out: ErrorOut, error: Error): Promise<void> {
  const unit = currentUnit()
  const clientId = context.oidc?.params?.['client_id']
  const resolution = typeof clientId === 'string' ? unit.clientSeen(clientId) : null
  for (const [name, value] of Object.entries(pageHeaders())) context.set(name, String(value))
  context.type = 'html'
  context.body = errorPage({ ...explain(out, error as OIDCProviderError, resolution), requestId: unit.requestId })
}

/** What to tell a person. Nothing of the request is repeated, except a fetch problem that the registry calls safe to show. */
export function explain(out: ErrorOut, error: { readonly name: string }, client: ClientResolution | null): Explanation {
  if (error.name === 'SessionNotFound') return STARTED_ELSEWHERE
  if (client !== null && client.kind !== 'active') return explainClient(client)
  if (out.error === 'invalid_redirect_uri') {
    return {
      title: 'This address was not registered',
      whatHappened: 'The app wants its answer at an address that it has not registered. Nothing was sent there.',
      whatToDo:
        'If you started this yourself, remove the connection in the app and add it again. If you followed a link, close this page.',
    }
  }
  if (out.error === 'invalid_request_uri') {
    return {
      title: 'This sign-in link is used up',
      whatHappened: 'The app made a link for one use within a minute. It was opened before, or too late.',
      whatToDo: 'Go back to the app and connect again.',
    }
  }
  if (out.error === 'invalid_client') return explainClient({ kind: 'unknown' })
  return {
    title: 'The request could not be understood',
    whatHappened: `The app that sent you here made a request that is not complete or not allowed (${out.error}).`,
    whatToDo: 'Go back to the app and connect again. If this page comes back, tell whoever makes the app.',
  }
}

export const STARTED_ELSEWHERE: Explanation = {
  title: 'Start again from your app',
  whatHappened: 'This sign-in has ended, was already completed, or was started in another browser.',
  whatToDo: 'Go back to the app that you want to connect, and connect again.',
}

function explainClient(client: Exclude<ClientResolution, { readonly kind: 'active' }>): Explanation {
  switch (client.kind) {
    case 'pending':
      return {
        title: 'This app waits for approval',
        whatHappened: `"${quoted(client.name)}" has registered itself. The operator of this gateway has to approve it before anybody can use it here.`,
        whatToDo:
          'Ask the operator to approve it, then connect again. `sallyport client list --status pending` shows it, `sallyport client approve` lets it in.',
      }
    case 'removed':
      if (client.cause === 'unused')
        return {
          title: 'This app was not used for a long time',
          whatHappened: 'Nobody has used this app here for so long that this gateway has forgotten it.',
          whatToDo: 'Remove the connection in the app and add it again; that registers it anew.',
        }
      return {
        title: 'This app was removed',
        whatHappened: 'The operator of this gateway has removed this app. Its earlier connections have ended.',
        whatToDo: 'If you still need it, remove the connection in the app and add it again; that registers it anew.',
      }
    case 'documentInvalid':
      return {
        title: 'This app could not be verified',
        whatHappened: `The app names itself by a web address, and what is found there is not usable: ${client.problem}`,
        whatToDo:
          'Remove the connection in the app and add it again, or try later. If the gateway can never reach that address, its operator can set `registration.metadataDocuments` to `false`: apps then register themselves.',
      }
    case 'unknown':
      return {
        title: 'This app is not known here',
        whatHappened: 'The app uses a client id that this gateway has never given out, or no longer knows.',
        whatToDo: 'Remove the connection in the app and add it again; that registers it anew.',
      }
  }
}

const NAME_CHARACTERS_MAX = 40

/**
 * An app that nobody approved chose its own name, and this page shows it to whoever follows a link of theirs: it must not be able to end
 * the quotation, look like something to type, or say more than a name does.
 */
function quoted(name: string): string {
  const plain = name.replace(/["“”„«»`´]/g, '')
  const characters = [...plain]
  return characters.length > NAME_CHARACTERS_MAX ? `${characters.slice(0, NAME_CHARACTERS_MAX).join('')}…` : plain
}
