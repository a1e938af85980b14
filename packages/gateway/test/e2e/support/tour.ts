/** One step of a client through a server, in the words of the protocol. */
export interface TourStep {
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>>
  /** Asks for progress. */
  readonly wantsProgress?: boolean
  /** Hangs up or cancels after this long. */
  readonly cancelsAfterMs?: number
}

/** What a client that is asked answers; told apart from the protocol so that both generations of the SDK answer alike. */
export const ANSWERS = {
  elicitation: {
    action: 'accept' as const,
    content: { username: 'Ada', email: 'ada@example.com', name: 'Ada', ok: true, color: 'red', context: 'a text' },
  },
  roots: { roots: [{ uri: 'file:///project', name: 'Projekt Zürich' }] },
  sampling: {
    model: 'a-model',
    role: 'assistant' as const,
    content: { type: 'text' as const, text: 'Paris \u{1f5fc} "quoted" \\ \u2028 done' },
    stopReason: 'endTurn',
  },
}
