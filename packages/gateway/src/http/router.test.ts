import { describe, expect, it } from 'vitest'
import type { Route } from './exchange.ts'
import { createRouter } from './router.ts'

const route = (method: string, path: string): Route => ({ method, path, handler: async () => {} })

describe('router', () => {
  it('refuses two routes for one address', () => {
    expect(() => createRouter([route('GET', '/a/:b'), route('GET', '/a/:c')])).toThrow('two routes')
  })

  it('prefers literal segments and hands parameters over decoded', async () => {
    const seen: unknown[] = []
    const router = createRouter([
      { method: 'GET', path: '/a/:name/b', handler: async (_exchange, parameters) => void seen.push(parameters) },
      { method: 'GET', path: '/a/fixed/b', handler: async () => void seen.push('literal') },
    ])
    const exchange = (path: string) => ({ request: { method: 'GET' }, path }) as never
    await router(exchange('/a/x%20y/b'))
    await router(exchange('/a/fixed/b'))
    expect(seen).toEqual([{ name: 'x y' }, 'literal'])
  })
})
