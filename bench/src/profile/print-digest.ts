import type { Digest, Share } from './digest-profile.ts'

const FUNCTIONS = 30
const PLACES = 20
const OWN = 40

/** For the terminal: µs per call, so that the lines of a profile add up to the cell's CPU. Pure. */
export function printDigest(thread: string, digest: Digest, requests: number): string {
  const perCall = (micros: number) => micros / Math.max(1, requests)
  const lines = (shares: readonly Share[], max: number) =>
    shares
      .slice(0, max)
      .map(
        ({ what, micros }) =>
          `${perCall(micros).toFixed(2).padStart(8)} µs ${((micros / Math.max(1, digest.busyMicros)) * 100).toFixed(1).padStart(5)} %  ${what}`,
      )
      .join('\n')
  return `
== ${thread}: ${perCall(digest.busyMicros).toFixed(0)} µs per call
-- self time by function
${lines(digest.functions, FUNCTIONS)}
-- self time by place
${lines(digest.places, PLACES)}
-- within our functions, what they call included
${lines(digest.own, OWN)}
`
}
