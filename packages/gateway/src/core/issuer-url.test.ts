import { describe, expect, it } from 'vitest'
import { originOf, pathOf } from './issuer-url.ts'

describe('the parts of an issuer', () => {
  it.each([
    ['https://mcp.example.com', 'https://mcp.example.com', ''],
    ['https://mcp.example.com:8443', 'https://mcp.example.com:8443', ''],
    ['http://[::1]:8700/t/acme', 'http://[::1]:8700', '/t/acme'],
    ['https://mcp.example.com/t/acme', 'https://mcp.example.com', '/t/acme'],
  ])('of %s are its origin and its path', (issuer, origin, path) => {
    expect(originOf(issuer)).toBe(origin)
    expect(pathOf(issuer)).toBe(path)
  })
})
