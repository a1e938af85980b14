import { describe, expect, test } from 'vitest'
import { EventLog, unsentBytes } from './event-log.ts'

const limits = { replayEventsMax: 4, replayBytesMax: 100 }

describe('the event log of a session', () => {
  test('holds at most so many events, oldest first out', () => {
    const log = new EventLog(limits)
    const stream = log.open('a')
    for (const data of ['1', '2', '3', '4', '5', '6']) log.add(stream, data, null)
    expect(stream.events.map(({ data }) => data)).toEqual(['3', '4', '5', '6'])
    expect(log.eventCount).toBe(4)
  })

  test('holds at most so many bytes over all streams together', () => {
    const log = new EventLog(limits)
    const [first, second] = [log.open('a'), log.open('a')]
    log.add(first, 'x'.repeat(60), null)
    log.add(second, 'y'.repeat(60), null)
    expect(log.bytes).toBe(60)
    expect([first.events.length, second.events.length]).toEqual([0, 1])
  })

  test('an event that a connected reader waits for is never thrown away; once it left, it may be', () => {
    const log = new EventLog(limits)
    const stream = log.open('a')
    stream.isConnected = true
    for (let index = 0; index < 8; index += 1) log.add(stream, 'x'.repeat(20), null)
    expect(stream.events).toHaveLength(8)
    stream.isConnected = false
    log.trim()
    expect(stream.events).toHaveLength(4)
  })

  test('an answer too large to keep leaves its substitute, so that the one who comes back is not left waiting', () => {
    const log = new EventLog(limits)
    const stream = log.open('a')
    log.add(stream, 'z'.repeat(500), 'error')
    expect(stream.events.map(({ data }) => data)).toEqual(['error'])
    expect(log.bytes).toBe(5)
  })

  test('sequences go on after events were thrown away', () => {
    const log = new EventLog(limits)
    const stream = log.open('g')
    for (let index = 0; index < 6; index += 1) log.add(stream, 'x', null)
    expect(stream.events.map(({ sequence }) => sequence)).toEqual([3, 4, 5, 6])
  })

  test('a finished stream with nothing to resume is forgotten, an awaited one is not', () => {
    const log = new EventLog(limits)
    const [finished, awaited, listener] = [log.open('a'), log.open('a'), log.open('g')]
    finished.isComplete = true
    log.forgetFinished()
    expect([finished, awaited, listener].map(({ key }) => log.find(key) !== null)).toEqual([false, true, false])
  })

  test('unsent bytes are those after the last sent event', () => {
    const log = new EventLog({ replayEventsMax: 10, replayBytesMax: 1_000 })
    const stream = log.open('a')
    for (const data of ['aa', 'bbb', 'cccc']) log.add(stream, data, null)
    stream.sentThrough = 1
    expect(unsentBytes(stream)).toBe(7)
  })
})
