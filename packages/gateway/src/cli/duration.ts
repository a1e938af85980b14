import { InvalidArgumentError } from 'commander'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `90d`, `12h`, `15m`, `60s` or `0`, as seconds. The bounds are the gateway's to check. */
export function duration(value: string): number {
  if (value === '0') return 0
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(value) ?? []
  const seconds = Number(count) * (SECONDS[unit ?? ''] ?? Number.NaN)
  if (!Number.isInteger(seconds)) throw new InvalidArgumentError('Write a number and s, m, h or d, such as 90d.')
  return seconds
}
