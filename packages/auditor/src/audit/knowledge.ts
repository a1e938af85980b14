import type { z } from 'zod'
import type { fixSchema, References } from '#report/model.ts'
import type { Clause } from './probe.ts'

export type Fix = z.infer<typeof fixSchema>

/** A clause of an RFC by its number and section. */
export function rfc(number: number, section: string): Clause {
  return { spec: `RFC ${number}`, section, url: `https://www.rfc-editor.org/rfc/rfc${number}#section-${section}` }
}

/** A page of the MCP specification, 2026-07-28. */
export function mcp(page: string, section: string): Clause {
  return { spec: 'MCP 2026-07-28', section, url: `https://modelcontextprotocol.io/specification/2026-07-28/${page}` }
}

/** A section of the guide that the MCP specification points to. */
export function practice(section: string): Clause {
  const url = 'https://modelcontextprotocol.io/docs/tutorials/security/security_best_practices'
  return { spec: 'MCP Security Best Practices', section, url }
}

/** Ids tell by their form which taxonomy they are of. */
export function references(clauses: readonly Clause[], ...ids: readonly string[]): References {
  const like = (form: RegExp): string[] => ids.filter((id) => form.test(id))
  return {
    clauses: [...clauses],
    owaspMcp: like(/^MCP\d/),
    owaspAgentic: like(/^ASI\d/),
    owaspLlm: like(/^LLM\d/),
    owaspNhi: like(/^NHI\d/),
    cwe: like(/^CWE-/),
    nist800207: like(/^\d\.\d tenet/),
  }
}

export const any = (text: string): Fix => ({ stack: 'any', text })
export const fix = (stack: string, text: string): Fix => ({ stack, text })
