/** A replay came to a question that was not asked when it was recorded. */
export class NotRecorded extends Error {
  override readonly name = 'NotRecorded'

  constructor(label: string) {
    super(`the recording has no answer for ${label}`)
  }
}
