import { Client, type ClientConfig } from 'pg'
import { StoreFailure } from '../errors.ts'
import type { FeedPort } from '../ports/feed.ts'
import type { HintsPort, StoreHint } from '../ports/hints.ts'
import type { PostgresSettings } from '../ports/settings.ts'
import { createFeed } from '../sql/feed.ts'
import { endClient } from './end-client.ts'
import { toStoreError } from './failures.ts'
import { prepareSession } from './prepare-session.ts'
import { queriesOver, StatementNames } from './queries.ts'
import { Slots } from './slots.ts'

/** The door is shut when the feed is silent for a second: a connection that takes longer is given up, so that the next one is tried. */
const FEED_ANSWER_MS = 1_500
/** Questions that wait for the one before: readers share their polls, so there are few. */
const QUESTIONS_WAITING_MAX = 100
const HINTS = ['feed', 'settle'] as const

/**
 * One connection that reads the feed and hears what other processes say. Everything read over it comes from one server in one life: after
 * it was lost, the server may be another one (a failover), or the same restored to an earlier moment, so the next one begins with `replay`.
 */
export class FeedConnection implements FeedPort, HintsPort {
  readonly #config: ClientConfig
  readonly #settings: PostgresSettings
  readonly #warn: (message: string) => void
  readonly #names = new StatementNames()
  readonly #turns = new Slots({ slots: 1, waitingMax: QUESTIONS_WAITING_MAX, waitMs: FEED_ANSWER_MS })
  readonly #listeners = new Set<(hint: StoreHint) => void>()
  #open: Promise<{ readonly client: Client; readonly feed: FeedPort }> | null = null
  #isFirst = true
  #isClosed = false

  constructor(config: ClientConfig, settings: PostgresSettings, warn: (message: string) => void) {
    this.#config = {
      ...config,
      query_timeout: FEED_ANSWER_MS,
      connectionTimeoutMillis: Math.min(FEED_ANSWER_MS, settings.connectTimeoutSeconds * 1000),
    }
    this.#settings = settings
    this.#warn = warn
  }

  head(): Promise<number> {
    return this.#ask('feed.head', (feed) => feed.head())
  }

  since(number: number, max: number): ReturnType<FeedPort['since']> {
    return this.#ask('feed.since', (feed) => feed.since(number, max))
  }

  subscribe(listener: (hint: StoreHint) => void): () => void {
    this.#listeners.add(listener)
    // Whoever reads the feed keeps the connection open; one that only listens needs it too.
    this.#ask('hints.subscribe', async () => undefined).catch(() => undefined)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  send(hint: 'settle'): void {
    const channel = channelOf(this.#settings, hint)
    this.#ask('hints.send', async (_feed, client) => {
      await client.query('select pg_notify($1, $2)', [channel, ''])
    }).catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const open = this.#open
    this.#open = null
    await open?.then(({ client }) => endClient(client)).catch(() => undefined)
  }

  async #ask<T>(what: string, ask: (feed: FeedPort, client: Client) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new StoreFailure('the store is closed')
    this.#open ??= this.#openAnew()
    const open = this.#open
    try {
      const { feed, client } = await open
      return await this.#turns.in(() => ask(feed, client))
    } catch (cause) {
      // Any error: there is no state worth keeping, and a fresh connection is sure.
      if (this.#open === open) this.#drop(open)
      throw toStoreError(cause, what)
    }
  }

  #openAnew(): Promise<{ readonly client: Client; readonly feed: FeedPort }> {
    const open = this.#connect()
    // One that ends while nobody asks is not for the next who does to find out.
    open
      .then(({ client }) =>
        client.once('end', () => {
          if (this.#open === open) this.#open = null
        }),
      )
      .catch(() => undefined)
    return open
  }

  #drop(open: Promise<{ readonly client: Client }>): void {
    this.#open = null
    open.then(({ client }) => endClient(client)).catch(() => undefined)
  }

  async #connect(): Promise<{ client: Client; feed: FeedPort }> {
    const client = new Client(this.#config)
    client.on('error', () => undefined)
    try {
      await client.connect()
      await prepareSession(client, this.#settings, { statementTimeoutMs: FEED_ANSWER_MS }, this.#warn)
      const channels = new Map(HINTS.map((hint) => [channelOf(this.#settings, hint), hint]))
      client.on('notification', ({ channel }) => {
        const hint = channels.get(channel)
        if (hint !== undefined) this.#tell(hint)
      })
      for (const channel of channels.keys()) await client.query(`listen ${client.escapeIdentifier(channel)}`)
    } catch (cause) {
      await endClient(client)
      throw cause
    }
    if (!this.#isFirst) this.#tell('replay')
    this.#isFirst = false
    return { client, feed: createFeed(queriesOver(client, this.#names)) }
  }

  #tell(hint: StoreHint): void {
    for (const listener of this.#listeners) listener(hint)
  }
}

/** The trigger on the feed says the same name (sql/migrations). One database may hold several schemas. */
function channelOf({ schema }: PostgresSettings, hint: (typeof HINTS)[number]): string {
  return `${schema}.${hint}`
}
