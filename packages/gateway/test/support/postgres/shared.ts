import { inject } from 'vitest'

/** URL of a server that all test files share: started by the first that asks, ended with the run. */
export async function sharedServerUrl(): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${inject('postgresPort')}/`)
  const text = await answer.text()
  if (!answer.ok) throw new Error(text)
  return text
}
