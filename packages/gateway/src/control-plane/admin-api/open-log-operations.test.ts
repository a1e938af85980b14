import { describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { createSealer } from '#keys/sealer.ts'
import type { AuditPort, SequencedEntry } from '#store/ports/audit.ts'
import { openLogOperations } from './open-log-operations.ts'

const sealer = createSealer(new Uint8Array(32), systemRandom)

/** A log of `count` records, every tenth a refusal; only what showing reads. */
function log(count: number) {
  const entries: SequencedEntry[] = Array.from({ length: count }, (_, position) => ({
    id: `id-${position}`,
    tenant: DEFAULT_TENANT,
    timeMs: position * 1000,
    requestId: `request-${position}`,
    body: JSON.stringify({
      time: position * 1000,
      activity_name: position % 10 === 0 ? 'request.refused' : 'login',
      status: position % 10 === 0 ? 'refused' : 'success',
      unmapped: { grant_id: `grant-${position % 3}` },
    }),
    personal: null,
    position,
  }))
  let readRecords = 0
  const port = {
    size: async () => count,
    read: async (_tenant: string, from: number, max: number) => {
      readRecords += max
      return entries.slice(from, from + max)
    },
    byRequest: async (_tenant: string, requestId: string) => entries.filter((entry) => entry.requestId === requestId),
  } as unknown as AuditPort // only what showing uses
  const sequencer = { settle: async () => undefined } as never // showing never touches the tree
  const operations = openLogOperations({
    port,
    tenant: DEFAULT_TENANT,
    sequencer,
    signer: { verifierKey: 'key' },
    sealer,
  })
  return { operations, reads: () => readRecords }
}

describe('showing the log', () => {
  it('goes from the newest to the oldest, every record once, whatever the page size', async () => {
    const { operations } = log(1203)
    const seen: (number | null)[] = []
    let cursor: string | null = null
    do {
      const page: { items: readonly { position: number | null }[]; nextCursor: string | null } = await operations.show(
        {},
        { cursor, limit: 100 },
      )
      seen.push(...page.items.map((item) => item.position))
      cursor = page.nextCursor
    } while (cursor !== null)
    expect(seen).toEqual(Array.from({ length: 1203 }, (_, at) => 1202 - at))
  })

  it('shows only what matches every field, times as half-open', async () => {
    const { operations } = log(100)
    const page = await operations.show(
      { activity: 'request.refused', grantId: 'grant-0', sinceMs: 30_000, untilMs: 90_000 },
      { cursor: null, limit: 50 },
    )
    expect(page.items.map((item) => item.position)).toEqual([60, 30])
    expect(page.nextCursor).toBeNull()
  })

  it('ends a page early rather than read a long log at once', async () => {
    const { operations, reads } = log(50_000)
    const page = await operations.show({ activity: 'never' }, { cursor: null, limit: 10 })
    expect(page.items).toEqual([])
    expect(page.nextCursor).not.toBeNull()
    expect(reads()).toBe(20_000)
  })

  it('refuses a cursor it did not make', async () => {
    const { operations } = log(10)
    for (const cursor of ['', 'LTE', 'eA', 'MTIzNDU2Nzg5MDEyMzQ1Njc4OTA'])
      await expect(operations.show({}, { cursor, limit: 10 })).rejects.toThrow('cursor')
  })

  it('explains one request, oldest record first', async () => {
    const { operations } = log(10)
    expect(await operations.explain('request-5')).toMatchObject([
      { position: 5, grantId: 'grant-2', outcome: 'success' },
    ])
    expect(await operations.explain('nothing')).toEqual([])
  })
})
