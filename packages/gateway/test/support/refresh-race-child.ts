import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * One process of a client that keeps its tokens in a file which others of it share, as command line tools do: reads it, refreshes if the access
 * token has expired, writes what it got; nobody waits for anybody. `node refresh-race-child.ts TOKEN_URL CLIENT_ID FILE`; each message over IPC
 * says what time it is (seconds), and is a round.
 */
const [url = '', clientId = '', file = ''] = process.argv.slice(2)
const DELAY_MS_MAX = 40

interface Kept {
  readonly refresh_token: string
  readonly expires_at: number
}

const read = () => JSON.parse(readFileSync(file, 'utf8')) as Kept

process.on('message', (now) => {
  round(Number(now)).then(
    (outcome) => process.send?.(outcome),
    (cause: unknown) => process.send?.(`failed: ${String(cause)}`),
  )
})

/** What a client ends up with: tokens, or the news that another process is ahead; or that its user has to log in anew. */
async function round(now: number): Promise<string> {
  const { refresh_token: used, expires_at: expiresAt } = read()
  if (expiresAt > now) return 'fresh'
  // Long enough that others have written what this one has not read.
  await sleep(Math.random() * DELAY_MS_MAX)
  const { status, text } = await post(used)
  if (status === 200) {
    const next = `${file}.${process.pid}`
    const { expires_in: seconds, ...tokens } = JSON.parse(text) as { expires_in: number }
    writeFileSync(next, JSON.stringify({ ...tokens, expires_at: now + seconds }))
    renameSync(next, file)
    return 'refreshed'
  }
  return read().refresh_token === used ? `logged out: ${text}` : 'overtaken'
}

function post(refreshToken: string): Promise<{ status: number; text: string }> {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: clientId,
  }).toString()
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, agent: false },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          text += chunk
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
        answer.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
