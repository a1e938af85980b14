import type { IncomingMessage } from 'node:http'
import { ok, type Result, refused } from '#core/result.ts'
import { isPlainBody, readBody } from './read-body.ts'

const FORM_BYTES_MAX = 64 * 1024
const FORM_FIELDS_MAX = 200

export interface FormProblem {
  readonly status: 400 | 408 | 413 | 415
  /** Safe to show. */
  readonly problem: string
}

/**
 * Reads an `application/x-www-form-urlencoded` body. Every field may come once, except those named in `repeatable`
 * (RFC 6749 §3.1: parameters must not be included more than once).
 */
export async function readForm(
  request: IncomingMessage,
  repeatable: readonly string[] = [],
): Promise<Result<URLSearchParams, FormProblem>> {
  const mediaType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/x-www-form-urlencoded') {
    return refused({
      status: 415,
      problem: 'The content type must be application/x-www-form-urlencoded.',
    })
  }
  if (!isPlainBody(request)) return refused({ status: 415, problem: 'The form must not be compressed.' })
  const body = await readBody(request, FORM_BYTES_MAX)
  if (!body.ok) {
    if (body.refusal === 'tooLarge')
      return refused({
        status: 413,
        problem: 'The form is larger than 64 KiB.',
      })
    if (body.refusal === 'timedOut')
      return refused({
        status: 408,
        problem: 'The form took too long to arrive.',
      })
    return refused({ status: 400, problem: 'The form did not arrive whole.' })
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body.value)
  } catch {
    return refused({ status: 400, problem: 'The form is not valid UTF-8.' })
  }
  const form = new URLSearchParams(text)
  const seen = new Set<string>()
  let fields = 0
  for (const name of form.keys()) {
    fields += 1
    if (fields > FORM_FIELDS_MAX) return refused({ status: 400, problem: 'The form has too many fields.' })
    if (seen.has(name) && !repeatable.includes(name)) {
      return refused({
        status: 400,
        problem: 'A field was sent more than once.',
      })
    }
    seen.add(name)
  }
  return ok(form)
}
