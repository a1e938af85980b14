import { connect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { Answer, Ask, AskLimits } from './ask.ts'

/** A request of HTTP/1.0, which Node's client cannot send: written out, and read until the other side closes. */
export function sendHttp10({ method, url, target, headers, body = '' }: Ask, limits: AskLimits): Promise<Answer> {
  const started = performance.now()
  const { hostname, port, protocol, pathname, search, host } = new URL(url)
  const isTls = protocol === 'https:'
  const where = {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port) || (isTls ? 443 : 80),
    lookup: limits.lookup,
  }
  const socket: Socket = isTls
    ? tlsConnect({
        ...where,
        servername: /^[\d.:]+$/.test(where.host) ? '' : where.host,
        ...(limits.authority === null ? {} : { ca: limits.authority }),
      })
    : connect(where)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const done = (failure: string | null) => {
      socket.destroy()
      resolve(
        parse(Buffer.concat(chunks), failure, bytes > limits.bodyBytesMax, Math.round(performance.now() - started)),
      )
    }
    socket.setTimeout(limits.timeoutMs, () => done('timeout'))
    socket.on('error', () => done('connection reset'))
    socket.on('close', () => done(null))
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= limits.bodyBytesMax) chunks.push(chunk)
      else done(null)
    })
    const lines = [['host', host], ...headers, ['content-length', String(Buffer.byteLength(body))]].map(
      ([name = '', value = '']) => `${name}: ${value}`,
    )
    socket.write(`${method} ${target ?? `${pathname}${search}`} HTTP/1.0\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
  })
}

function parse(raw: Buffer, failure: string | null, isCut: boolean, durationMs: number): Answer {
  const [head = '', ...rest] = raw.toString('utf8').split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0)
  const headers = lines.map((line): [string, string] => {
    const split = line.indexOf(':')
    return [line.slice(0, split), line.slice(split + 1).trim()]
  })
  const why = status === 0 ? (failure ?? 'not HTTP') : null
  return { status, headers, text: rest.join('\r\n\r\n'), isCut, failure: why, durationMs, tlsVersion: null }
}
