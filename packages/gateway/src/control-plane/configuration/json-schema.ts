import { z } from 'zod'
import { configurationSchema } from './schema.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** The schema of sallyport.yaml for editors (JSON Schema 2020-12), as committed in docs/sallyport.schema.json. */
export function configurationJsonSchema(): JsonSchema {
  return z.toJSONSchema(configurationSchema, { target: 'draft-2020-12', io: 'input' })
}

/** The bytes of docs/sallyport.schema.json. */
export function printConfigurationJsonSchema(): string {
  return `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`
}
