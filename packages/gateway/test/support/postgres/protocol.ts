/** What the guard of a test server is told. */
export interface GuardOptions {
  /** Server settings besides those that every test wants. */
  readonly settings?: Readonly<Record<string, string>>
  /** Written into the folder the server runs in, for its user alone. */
  readonly files?: Readonly<Record<string, string>>
}

/** `crash` ends it as a power cut would; `stop` ends it in order. `start` brings it back on the same port, with what it kept. */
export type ToGuard = 'crash' | 'stop' | 'start'

/** A superuser, as whoever sets up a database has. */
export const USER = 'sallyport'
/** With characters that a URL must escape. */
export const PASSWORD = 'test:p@ss/wörd'
