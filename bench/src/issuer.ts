import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GatewayUnderTest } from './candidates/gateway.ts'
import { openForge, type TokenForge } from './tokens.ts'

/** Well under the half hour that they live. */
const TOKENS_RENEWED_MS = 8 * 60_000

/** Whoever signs tokens that one gateway believes at one of its servers. */
export interface Issuer {
  readonly forge: TokenForge
  /** A file with this many live tokens, one a line. */
  tokensFile(count: number): Promise<string>
}

/** One agent of one user, logged in through the pages; its tokens are signed for that grant. */
export async function openIssuer(gateway: GatewayUnderTest, serverId: string, folder: string): Promise<Issuer> {
  const person = await gateway.addUser(`user-of-${serverId}`)
  const { access_token } = await gateway.logIn(person, serverId)
  const forge = await openForge(gateway.stateDir, access_token)
  const kept = new Map<number, { readonly file: string; readonly sinceMs: number }>()
  let written = 0
  return {
    forge,
    tokensFile: async (count) => {
      const known = kept.get(count)
      if (known !== undefined && performance.now() - known.sinceMs < TOKENS_RENEWED_MS) return known.file
      const sinceMs = performance.now()
      written += 1
      const file = join(folder, `tokens-${gateway.candidate.name}-${serverId}-${count}-${written}`)
      await writeFile(file, Array.from({ length: count }, () => forge.sign()).join('\n'), { mode: 0o600 })
      kept.set(count, { file, sinceMs })
      return file
    },
  }
}
