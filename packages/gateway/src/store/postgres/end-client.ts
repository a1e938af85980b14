import type { Client } from 'pg'

/** A server that is gone does not say goodbye. */
const GOODBYE_MS = 1_000

/** Ends a connection, however it is. Resolves soon even where the other side has vanished; what is left of it then keeps nobody alive. */
export async function endClient(client: Client): Promise<void> {
  // The driver has it; its typing forgot.
  ;(client as Client & { unref(): void }).unref()
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GOODBYE_MS)
  })
  await Promise.race([client.end().catch(() => undefined), patience])
  clearTimeout(timer)
}
