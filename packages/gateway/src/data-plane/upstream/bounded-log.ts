import type { Clock } from '#core/clock.ts'
import type { Log, LogFields } from '#core/log.ts'
import { FloodGate } from '../flood-gate.ts'

/**
 * The log as one upstream connection may fill it: a hostile server makes us say the same sentence as fast as it can write. Beyond the
 * bound one line says that more was left out. `fields` are added to every line.
 */
export function boundedLog(log: Log, perMinuteMax: number, clock: Clock, fields: LogFields): Log {
  const gate = new FloodGate(perMinuteMax, () => clock.monotonicMs())
  const level = (name: keyof Log) => (message: string, more?: LogFields) => {
    const passes = gate.pass()
    if (passes === 'passes') log[name](message, { ...fields, ...more })
    else if (passes === 'firstBeyond')
      log.warn('too much to say about one upstream; the rest of the minute is left out', fields)
  }
  return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
}
