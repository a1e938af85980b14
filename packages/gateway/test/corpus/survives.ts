import fc from 'fast-check'
import { expect } from 'vitest'
import { asCarried, oddMembers, oddText, oddValue, spaced } from './odd-json.ts'
import { type Era, idOf, type Road, underId } from './roads.ts'
import { at, printWire, readWire, textAt } from './wire-text.ts'

/** One property: `check` with values of `arbitrary`, so many times. */
export interface Property {
  readonly title: string
  readonly applies: (era: Era) => boolean
  readonly check: (road: Road, runs: number) => Promise<void>
}

const ids = fc.oneof(fc.maxSafeInteger().map(String), oddText('client'), fc.constantFrom('0', '-1', '""', '"1"'))
const odd = oddMembers('client')
const oddServer = oddMembers('server')
const everywhere = () => true
/** The gateway remembers no more than 100 answered rounds of one caller (`PARKED_LIMITS`), and three roads share one. */
const ROUNDS_MAX = 30
const isLegacy = (era: Era) => era === 'legacy'

/** Members, each with a leading comma, as the members of an object of their own. */
export const alone = (members: string) => `{${members.slice(1)}}`
const meta = (road: Road, members: string) => (road.meta === '' ? alone(members) : `{${road.meta}${members}}`)
const complete = (road: Road) => (road.era === 'modern' ? '"resultType":"complete",' : '')

function property<T>(
  title: string,
  arbitrary: fc.Arbitrary<T>,
  check: (road: Road, value: T) => Promise<void>,
  applies = everywhere as Property['applies'],
  runsMax = Number.POSITIVE_INFINITY,
): Property {
  return {
    title,
    applies,
    check: (road, runs) =>
      fc.assert(
        fc.asyncProperty(arbitrary, (value) => check(road, value)),
        { numRuns: Math.min(runs, runsMax), endOnFailure: true },
      ),
  }
}

function call(
  road: Road,
  id: string,
  more: { readonly args?: string; readonly members?: string; readonly params?: string; readonly meta?: string },
): string {
  const { args = '{}', members = '', params = '', meta: own = '' } = more
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"get_it","arguments":${args},"_meta":${meta(road, own)}${params}}${members}}`
}

/** Members that the method wants, and a result of it with room for unknown members in its item. */
const REQUESTS: Readonly<Record<string, readonly [string, string]>> = {
  'prompts/get': ['"name":"p",', '"messages":[{"role":"user","content":{"type":"text","text":"t"ITEM}}]'],
  'resources/read': ['"uri":"x://y",', '"contents":[{"uri":"x://y","text":"t"ITEM}]'],
  'completion/complete': [
    '"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":""},',
    '"completion":{"values":[]ITEM}',
  ],
  'prompts/list': ['', '"prompts":[{"name":"p"ITEM}]'],
  'resources/list': ['', '"resources":[{"uri":"x://y","name":"r"ITEM}]'],
  'resources/templates/list': ['', '"resourceTemplates":[{"uriTemplate":"x://{y}","name":"r"ITEM}]'],
  'tools/list': ['"cursor":"c",', '"tools":[{"name":"get_it","inputSchema":{"type":"object"}ITEM}]'],
}

/** The same for requests that only sessions have. */
const OF_SESSIONS: typeof REQUESTS = {
  ping: ['', ''],
  'logging/setLevel': ['"level":"debug",', ''],
  'resources/subscribe': ['"uri":"x://y",', ''],
  'resources/unsubscribe': ['"uri":"x://y",', ''],
}

export const SURVIVING: readonly Property[] = [
  property(
    'a call and its result keep every unknown member, odd key, number and string',
    fc.record({
      id: ids,
      args: odd,
      members: odd,
      params: odd,
      own: odd,
      result: oddServer,
      content: oddServer,
      structured: oddValue('server'),
      meta: oddServer,
      top: oddServer,
      isSpaced: fc.boolean(),
    }),
    async (road, { id, args, members, params, own, result, content, structured, meta: resultMeta, top, isSpaced }) => {
      const plain = call(road, id, { args: alone(args), members, params, meta: own })
      const body = isSpaced ? spaced(plain) : plain
      const exchange = road.post(body)
      const arrival = await road.arrival()
      const ourId = idOf(arrival.body)
      expect(ourId).toMatch(/^\d+$/)
      expect(asCarried(arrival.body, 'server')).toBe(asCarried(underId(body, ourId), 'client'))
      const answer = `{"jsonrpc":"2.0","id":${ourId},"result":{${complete(road)}"content":[{"type":"text","text":"t"${content}}],"structuredContent":${structured},"_meta":${alone(resultMeta)}${result}}${top}}`
      road.say(arrival, [isSpaced ? spaced(answer) : answer], true)
      const heard = await road.heard()
      expect(heard.exchange).toBe(exchange)
      expect(printedId(heard.text)).toBe(asCarried(id, 'client'))
      expect(asCarried(underId(heard.text, '0'), 'server')).toBe(asCarried(underId(answer, '0'), 'server'))
    },
  ),
  property(
    'an error keeps its code, message, data and unknown members',
    fc.record({
      id: ids,
      message: oddText('server'),
      data: oddValue('server'),
      error: oddServer,
      top: oddServer,
      code: fc.constantFrom('-32602', '-32603', '-31999', '0', '1', '12345', '-32700'),
    }),
    async (road, { id, message, data, error, top, code }) => {
      road.post(call(road, id, {}))
      const arrival = await road.arrival()
      const answer = `{"jsonrpc":"2.0","id":${idOf(arrival.body)},"error":{"code":${code},"message":${message},"data":${data}${error}}${top}}`
      road.say(arrival, [answer], true)
      const heard = await road.heard()
      expect(asCarried(underId(heard.text, '0'), 'server')).toBe(asCarried(underId(answer, '0'), 'server'))
    },
  ),
  property(
    'progress and log messages keep unknown members, in their order',
    fc.record({
      id: fc.maxSafeInteger().map(String),
      token: fc.oneof(fc.maxSafeInteger().map(String), oddText('client')),
      progress: oddServer,
      log: oddServer,
      data: oddValue('server'),
      top: oddServer,
    }),
    async (road, { id, token, progress, log, data, top }) => {
      const exchange = road.post(call(road, id, { meta: `,"progressToken":${token}` }))
      const arrival = await road.arrival()
      const ourId = idOf(arrival.body)
      const note = (with_: string) =>
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${with_},"progress":0.5${progress}}${top}}`
      const said = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":${data}${log}}${top}}`
      const answer = `{"jsonrpc":"2.0","id":${ourId},"result":{${complete(road)}"content":[]}}`
      road.say(arrival, [note(ourId), said, answer], true)
      for (const expected of [note(token), said]) {
        const heard = await road.heard()
        expect(heard.exchange).toBe(exchange)
        expect(asCarried(heard.text, 'server')).toBe(asCarried(expected, 'server'))
      }
      await road.heard()
    },
  ),
  property(
    'a question of the server and the client’s answer keep unknown members',
    fc.record({
      method: fc.constantFrom('sampling/createMessage', 'elicitation/create', 'roots/list'),
      id: fc.oneof(fc.maxSafeInteger().map(String), oddText('server')),
      params: oddServer,
      own: oddServer,
      top: oddServer,
      result: odd,
      topAnswer: odd,
      failed: fc.boolean(),
      data: oddValue('client'),
    }),
    async (road, { method, id, params, own, top, result, topAnswer, failed, data }) => {
      const exchange = road.post(call(road, '"asks"', {}))
      const arrival = await road.arrival()
      const question = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"_meta":${alone(own)}${params}}${top}}`
      road.say(arrival, [question], false)
      const asked = await road.heard()
      expect(asked.exchange).toBe(exchange)
      const questionId = idOf(asked.text)
      expect(asCarried(underId(asked.text, '0'), 'server')).toBe(asCarried(underId(question, '0'), 'server'))
      const outcome = failed ? `"error":{"code":-1,"message":"no","data":${data}}` : `"result":{"_meta":{}${result}}`
      const reply = `{"jsonrpc":"2.0","id":${questionId},${outcome}${topAnswer}}`
      const answering = road.post(reply)
      const answered = await road.arrival()
      answered.response?.writeHead(202).end()
      expect(asCarried(answered.body, 'server')).toBe(asCarried(underId(reply, asCarried(id, 'server')), 'client'))
      expect(await road.status(answering)).toBe(202)
      road.say(arrival, [`{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{"content":[]}}`], true)
      await road.heard()
    },
    isLegacy,
  ),
  property(
    'a notification of the client keeps unknown members',
    fc.record({ params: odd, own: odd, top: odd }),
    async (road, { params, own, top }) => {
      const body = `{"jsonrpc":"2.0","method":"notifications/roots/list_changed","params":{"_meta":${alone(own)}${params}}${top}}`
      const exchange = road.post(body)
      const arrival = await road.arrival()
      arrival.response?.writeHead(202).end()
      expect(asCarried(arrival.body, 'server')).toBe(asCarried(body, 'client'))
      expect(await road.status(exchange)).toBe(202)
    },
    isLegacy,
  ),
  property(
    'a cancellation keeps its reason and unknown members',
    fc.record({ id: ids, params: odd, own: odd, top: odd, reason: oddText('client') }),
    async (road, { id, params, own, top, reason }) => {
      const calling = road.post(call(road, id, {}))
      const arrival = await road.arrival()
      const cancelled = (which: string) =>
        `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${which},"reason":${reason},"_meta":${alone(own)}${params}}${top}}`
      const exchange = road.post(cancelled(id))
      const told = await road.arrival()
      told.response?.writeHead(202).end()
      expect(asCarried(told.body, 'server')).toBe(asCarried(cancelled(idOf(arrival.body)), 'client'))
      expect(await road.status(exchange)).toBe(202)
      arrival.response?.destroy()
      await road.status(calling)
    },
    isLegacy,
  ),
  property(
    'a question that the server takes back is named by the id the client knows, with all else kept',
    fc.record({
      id: fc.oneof(fc.maxSafeInteger().map(String), oddText('server')),
      token: fc.oneof(fc.maxSafeInteger().map(String), oddText('server')),
      params: oddServer,
      top: oddServer,
      progress: odd,
      topProgress: odd,
    }),
    async (road, { id, token, params, top, progress, topProgress }) => {
      road.post(call(road, '"asks"', {}))
      const arrival = await road.arrival()
      const question = `{"jsonrpc":"2.0","id":${id},"method":"roots/list","params":{"_meta":{"progressToken":${token}}}}`
      road.say(arrival, [question], false)
      const asked = await road.heard()
      const ourToken = at(readWire(asked.text), ['params', '_meta', 'progressToken'])
      const note = (which: string) =>
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${which},"progress":0.5${progress}}${topProgress}}`
      const noting = road.post(note(ourToken === null ? 'null' : printWire(ourToken)))
      const noted = await road.arrival()
      noted.response?.writeHead(202).end()
      expect(asCarried(noted.body, 'server')).toBe(asCarried(note(asCarried(token, 'server')), 'client'))
      expect(await road.status(noting)).toBe(202)
      const taken = (which: string) =>
        `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${which}${params}}${top}}`
      road.say(arrival, [taken(id), `{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{"content":[]}}`], true)
      expect(asCarried((await road.heard()).text, 'server')).toBe(asCarried(taken(idOf(asked.text)), 'server'))
      await road.heard()
    },
    isLegacy,
  ),
  ...[
    { applies: everywhere, title: 'every other request and its result keep unknown members', methods: REQUESTS },
    {
      applies: isLegacy,
      title: 'the requests of sessions and their results keep unknown members',
      methods: OF_SESSIONS,
    },
  ].map(({ applies, title, methods }) =>
    property(
      title,
      fc.record({
        which: fc.constantFrom(...Object.keys(methods)),
        params: odd,
        own: odd,
        result: oddServer,
        item: oddServer,
      }),
      async (road, { which, params, own, result, item }) => {
        const [wants, gives] = methods[which] ?? ['', '']
        const body = `{"jsonrpc":"2.0","id":7,"method":"${which}","params":{${wants}"_meta":${meta(road, own)}${params}}}`
        const exchange = road.post(body)
        const arrival = await road.arrival()
        expect(asCarried(arrival.body, 'server')).toBe(asCarried(underId(body, idOf(arrival.body)), 'client'))
        const hints =
          road.era === 'modern' && which !== 'prompts/get' && which !== 'completion/complete'
            ? '"ttlMs":5,"cacheScope":"private",'
            : ''
        const members = `${complete(road)}${hints}${gives.replace('ITEM', () => item)}${result}`.replace(/^,/, '')
        const answer = `{"jsonrpc":"2.0","id":7,"result":{${members}}}`
        road.say(arrival, [underId(answer, idOf(arrival.body))], true)
        const heard = await road.heard()
        expect(heard.exchange).toBe(exchange)
        expect(asCarried(heard.text, 'server')).toBe(asCarried(answer, 'server'))
      },
      applies,
    ),
  ),
  property(
    'questions, answers and state of a round keep their bytes',
    fc.record({ state: oddText('client'), questions: oddServer, params: oddServer, result: oddServer, responses: odd }),
    async (road, { state, questions, params, result, responses }) => {
      road.post(call(road, '1', {}))
      const arrival = await road.arrival()
      const asks = `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":{"message":"m"${params}}${questions}}},"requestState":${state}${result}}}`
      road.say(arrival, [underId(asks, idOf(arrival.body))], true)
      const asked = await road.heard()
      const sealed = JSON.stringify(textAt(readWire(asked.text), ['result', 'requestState']))
      const expectedAsks = asks.replace(`"requestState":${state}`, () => `"requestState":${sealed}`)
      expect(asCarried(asked.text, 'server')).toBe(asCarried(expectedAsks, 'server'))
      const retry = call(road, '2', {
        params: `,"requestState":${sealed},"inputResponses":{"q":{"action":"accept"${responses}}}`,
      })
      road.post(retry)
      const again = await road.arrival()
      const expected = retry.replace(sealed, () => state)
      expect(asCarried(again.body, 'server')).toBe(asCarried(underId(expected, idOf(again.body)), 'client'))
      road.say(
        again,
        [`{"jsonrpc":"2.0","id":${idOf(again.body)},"result":{"resultType":"complete","content":[]}}`],
        true,
      )
      await road.heard()
    },
    (era) => era === 'modern',
    ROUNDS_MAX,
  ),
]

function printedId(text: string): string {
  return asCarried(idOf(text), 'client')
}
