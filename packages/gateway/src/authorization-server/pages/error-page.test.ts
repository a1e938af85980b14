import { expect, test } from 'vitest'
import { errorPage } from './error-page.ts'

test('an error page says what happened, what to do, and the reference, all as text', () => {
  const document = errorPage({
    title: 'This <app> waits',
    whatHappened: '"\u202E<img src=x onerror=alert(1)>" has registered itself.',
    whatToDo: 'Ask for `sallyport client approve`.',
    requestId: '01930000-0000-7000-8000-00000000000a',
  })
  expect(document).toContain('<h1>This &lt;app&gt; waits</h1>')
  expect(document).toContain('<p>&quot;&lt;img src=x onerror=alert(1)&gt;&quot; has registered itself.</p>')
  expect(document).toContain('Ask for <code>sallyport client approve</code>.')
  expect(document).toContain('<code>01930000-0000-7000-8000-00000000000a</code>')
  expect(document).toMatch(/^<!doctype html>\n<html lang="en">/)
})
