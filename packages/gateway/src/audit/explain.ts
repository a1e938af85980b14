import { explanationOf } from './explanations.ts'

export interface ExplainedRecord {
  readonly time: string
  readonly activity: string
  readonly outcome: string
  readonly reason: string | null
  readonly subject: string | null
  readonly clientId: string | null
  readonly server: string | null
  readonly tool: string | null
  readonly method: string | null
  readonly meaning: string | null
  readonly action: string | null
}

/** One record's canonical JSON in words. Fields that are missing are null. */
export function explainRecord(body: string): ExplainedRecord {
  const record: unknown = JSON.parse(body)
  const text = (...path: string[]): string | null => {
    let at: unknown = record
    for (const key of path)
      at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined
    return typeof at === 'string' ? at : null
  }
  const time = (record as { time?: unknown }).time
  const reason = text('status_code')
  const activity = text('activity_name') ?? ''
  const explanation = reason === null ? null : explanationOf(reason, activity)
  return {
    time: typeof time === 'number' ? new Date(time).toISOString() : '',
    activity,
    outcome: text('status') ?? '',
    reason,
    subject: text('actor', 'user', 'uid'),
    clientId: text('actor', 'app_uid'),
    server: text('api', 'service', 'name'),
    tool: text('unmapped', 'tool'),
    method: text('api', 'operation'),
    meaning: explanation?.meaning ?? null,
    action: explanation?.action ?? null,
  }
}
