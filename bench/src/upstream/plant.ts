import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type PlantedTool, plantedForm } from '../payload.ts'
import type { Asked } from './answers.ts'

/** So that the two halves arrive in two pieces. */
const BETWEEN_HALVES_MS = 30

let planted: string[] = []

/** A server that gives away the credential it was shown, as servers do that echo their headers: whole, or cut in the middle of it. */
export async function plant(response: ServerResponse, asked: Asked, tool: PlantedTool, shown: string): Promise<void> {
  const { isSplit, isStream } = plantedForm(tool)
  const secret = shown.slice(shown.indexOf(' ') + 1)
  planted.push(secret)
  const result = { resultType: 'complete', content: [{ type: 'text', text: `the headers were: ${shown} and others` }] }
  const message = JSON.stringify({ jsonrpc: '2.0', id: asked.id, result })
  const body = isStream ? `data: ${message}\n\n` : message
  const cut = isSplit ? body.indexOf(secret) + Math.floor(secret.length / 2) : body.length
  response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' })
  response.write(body.slice(0, cut))
  if (isSplit) await sleep(BETWEEN_HALVES_MS)
  response.end(body.slice(cut))
}

/** What was given away since it was asked last. */
export function takePlanted(): string[] {
  const taken = planted
  planted = []
  return taken
}
