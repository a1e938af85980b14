import { TRANSCRIPT_VERSION, type Transcript } from '#report/transcript-model.ts'
import type { AuditOptions } from '../options.ts'
import { RUBRIC } from '../rubric.ts'
import type { Answer } from './ask.ts'
import { headerValue } from './redact.ts'
import type { SecretsSeen } from './secrets-seen.ts'
import { sameInReplay, standInFor, withStandIns } from './stand-ins.ts'
import type { Question, Seen, Tape } from './tape.ts'

/** Of all texts together; an audit that sees more is not recorded. */
const BODY_CHARACTERS_MAX = 16 * 1024 * 1024

interface Kept<T> {
  readonly question: Question
  seen: T | null
}

/** The world, written down as it is seen. */
export class Recording implements Tape {
  readonly seed: Buffer
  readonly #exchanges: Kept<Seen>[] = []
  readonly #observations: Kept<unknown>[] = []
  readonly #bodies = new Map<string, number>()
  #characters = 0

  constructor(seed: Buffer) {
    this.seed = seed
  }

  async answer(question: Question, ask: () => Promise<Seen>): Promise<Seen> {
    const kept: Kept<Seen> = { question, seen: null }
    if (!this.#isFull) this.#exchanges.push(kept)
    const seen = await ask()
    this.#keepBody(seen.answer.text)
    kept.seen = seen
    return seen
  }

  async observe<T>(question: Question, look: () => Promise<T>): Promise<T> {
    const kept: Kept<unknown> = { question, seen: null }
    this.#observations.push(kept)
    const seen = await look()
    kept.seen = seen
    return seen
  }

  /** What there is to be written down, with stand-ins for all secrets that became known; null when it was too much. */
  transcript(given: AuditOptions, secrets: SecretsSeen): Transcript | null {
    if (this.#isFull) return null
    const clean = (text: string) => withStandIns(secrets.hideIn(text, standInFor))
    const { url, isPublic, mayWrite, people, tokens, devices, client, otherResource, patienceSeconds } = given
    const { foreignTokens, safeCalls, upstream } = given
    return {
      kind: 'transcript',
      transcriptVersion: TRANSCRIPT_VERSION,
      rubric: RUBRIC,
      tool: { name: 'sallyport-audit', version: given.version },
      startedAt: given.startedAt.toISOString(),
      seed: this.seed.toString('base64url'),
      given: {
        url,
        isPublic,
        mayWrite,
        people: people.map(({ redirectUri }) => ({ redirectUri })),
        tokens: tokens.map(standInFor),
        devices,
        client:
          client === null ? null : { ...client, secret: client.secret === null ? null : standInFor(client.secret) },
        otherResource,
        foreignTokens: foreignTokens.map(standInFor),
        safeCalls: cleanedOf(safeCalls, clean) as Transcript['given']['safeCalls'],
        upstream: upstream !== null,
        patienceSeconds,
      },
      exchanges: this.#exchanges.flatMap(({ question, seen }) =>
        seen === null
          ? []
          : [
              {
                what: sameInReplay(secrets.hideIn(question.what)),
                shown: secrets.hideIn(seen.exchange),
                answer: this.#answerOf(seen.answer, clean),
              },
            ],
      ),
      observations: this.#observations.map(({ question: { label, what }, seen }) => ({
        label,
        what: sameInReplay(secrets.hideIn(what)),
        seen: cleanedOf(seen, clean),
      })),
      bodies: [...this.#bodies.keys()].map(clean),
    }
  }

  get #isFull(): boolean {
    return this.#characters > BODY_CHARACTERS_MAX
  }

  #keepBody(text: string): void {
    if (this.#isFull || this.#bodies.has(text)) return
    this.#characters += text.length
    this.#bodies.set(text, this.#bodies.size)
  }

  #answerOf(
    { text, headers, ...rest }: Answer,
    clean: (text: string) => string,
  ): Transcript['exchanges'][number]['answer'] {
    return {
      ...rest,
      headers: headers.map(([name, value]) => [name, headerValue(name, value, standInFor, clean)]),
      body: this.#bodies.get(text) ?? 0,
    }
  }
}

/** JSON with stand-ins in its texts. */
function cleanedOf(value: unknown, clean: (text: string) => string): Transcript['observations'][number]['seen'] {
  return JSON.parse(JSON.stringify(value ?? null), (_, one: unknown) =>
    typeof one === 'string' ? clean(one) : one,
  ) as never
}
