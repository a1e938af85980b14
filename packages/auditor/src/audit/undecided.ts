/** What came says neither yes nor no: an error of the server, a limit, a page. */
export class Undecided extends Error {
  override readonly name = 'Undecided'
}
