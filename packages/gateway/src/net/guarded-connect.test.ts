import { describe, expect, test } from 'vitest'
import { resolveAllowed } from './guarded-connect.ts'
import { OutboundFailure } from './outbound-failure.ts'

async function outcome(addresses: readonly string[], network: 'public' | 'private' | 'loopback'): Promise<string> {
  return await resolveAllowed('host.example', network, () => Promise.resolve(addresses)).then(
    (found) => found.join(' '),
    (error: unknown) => (error instanceof OutboundFailure ? error.reason : 'other'),
  )
}

describe('a name is allowed by all of its addresses', () => {
  test('all inside the network: the list, in the resolver’s order', async () => {
    expect(await outcome(['8.8.8.8', '2606:4700:4700::1111'], 'public')).toBe('8.8.8.8 2606:4700:4700::1111')
    expect(await outcome(['10.0.0.1', 'fd00::1'], 'private')).toBe('10.0.0.1 fd00::1')
    expect(await outcome(['127.0.0.1', '::1'], 'loopback')).toBe('127.0.0.1 ::1')
  })

  test('one outside refuses them all, wherever it stands', async () => {
    expect(await outcome(['8.8.8.8', '10.0.0.1'], 'public')).toBe('addressNotAllowed')
    expect(await outcome(['169.254.169.254', '8.8.8.8'], 'public')).toBe('addressNotAllowed')
    expect(await outcome(['10.0.0.1', '8.8.8.8'], 'private')).toBe('addressNotAllowed')
    expect(await outcome(['127.0.0.1', '10.0.0.1'], 'loopback')).toBe('addressNotAllowed')
  })

  test('no address, too many, or something that is not an address refuses', async () => {
    expect(await outcome([], 'public')).toBe('nameNotResolved')
    expect(
      await outcome(
        Array.from({ length: 65 }, () => '8.8.8.8'),
        'public',
      ),
    ).toBe('nameNotResolved')
    expect(await outcome(['8.8.8.8', 'evil.example'], 'public')).toBe('addressNotAllowed')
  })

  test('a literal is judged without asking anybody', async () => {
    const resolve = (): Promise<string[]> => Promise.reject(new Error('asked'))
    expect(await resolveAllowed('[2606:4700:4700::1111]', 'public', resolve)).toEqual(['2606:4700:4700::1111'])
    await expect(resolveAllowed('[::1]', 'public', resolve)).rejects.toMatchObject({ reason: 'addressNotAllowed' })
    await expect(resolveAllowed('127.0.0.1', 'private', resolve)).rejects.toMatchObject({ reason: 'addressNotAllowed' })
  })
})
