import { describe, expect, test } from 'vitest'
import { html } from '#http/html.ts'
import { say, sayDuration, sayPlainly } from './say.ts'

describe('texts', () => {
  test('take values where they have names, escaped', () => {
    expect(String(say('consent.title', { client: '<b>', server: html`<bdi>Notes</bdi>` }))).toBe(
      'Allow &lt;b&gt; to use <bdi>Notes</bdi>?',
    )
    expect(sayPlainly('consent.title', { client: '{server}', server: 'Notes' })).toBe('Allow {server} to use Notes?')
  })

  test('do not print with a value missing', () => {
    // The cast plays a caller that got past the types.
    expect(() => say('login.throttled', {} as { wait: string })).toThrow(/wait/)
  })

  test.each([
    [0, '1 second', '1 second'],
    [1, '1 second', '1 second'],
    [59, '59 seconds', '59 seconds'],
    [60, '1 minute', '1 minute'],
    [61, '2 minutes', '1 minute'],
    [3_599, '60 minutes', '59 minutes'],
    [3_600, '1 hour', '1 hour'],
    [14_400, '4 hours', '4 hours'],
    [172_800, '2 days', '2 days'],
  ])('%i seconds to wait: %s; of age: %s', (seconds, wait, age) => {
    expect(sayDuration(seconds)).toBe(wait)
    expect(sayDuration(seconds, 'down')).toBe(age)
  })
})
