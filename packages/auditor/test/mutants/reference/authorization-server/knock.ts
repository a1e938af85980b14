/** What a careless server does with an address that a stranger names. */
export async function knock(url: string): Promise<void> {
  await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => undefined)
}
