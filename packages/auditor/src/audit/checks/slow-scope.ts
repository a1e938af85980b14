import type { Audit } from '../audit.ts'
import type { Answer } from '../exchange/ask.ts'
import { inconclusive, type Outcome, pass, warn } from '../probe.ts'

/** So much longer than a plain one that it is no accident. */
const SLOWER_MS_MIN = 1000
/** It is slow when it is so each time. */
const TIMES = 2
/** Where each character doubles the time: enough to be seen, and short enough to end by itself. */
const STRANGE = `${'a'.repeat(26)}!`

/** A pattern that tries all ways to read a text (CWE-1333) is found by a short scope; the authorization endpoint is asked, by a client that it knows. */
export async function judgeSlowScope(audit: Audit): Promise<Outcome> {
  const client = await audit.logins.client()
  const ask = (scope: string): Promise<Answer> => {
    const { url } = audit.logins.authorization(client, { scope })
    return audit.ask({ method: 'GET', url, headers: [['accept', 'text/html']] })
  }
  let slowerMs = 0
  for (let time = 0; time < TIMES; time += 1) {
    const plain = await ask('sallyport-audit')
    if (plain.failure !== null || plain.status === 429) return inconclusive(plain.failure ?? '429')
    const strange = await ask(STRANGE)
    if (strange.failure !== null && strange.failure !== 'timeout') return inconclusive(strange.failure)
    slowerMs = strange.durationMs - plain.durationMs
    if (slowerMs < SLOWER_MS_MIN) return pass('no longer than another one')
  }
  return warn(`${STRANGE.length} characters take ${Math.round(slowerMs)} ms longer`)
}
