import { expect, test } from 'vitest'
import { type CpuProfile, digestProfile } from './digest-profile.ts'

const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
  children,
})
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 5]),
    node(2, 'travel', 'file:///home/x/packages/gateway/dist/data-plane/pipeline.js', [3]),
    node(3, 'travel', 'file:///home/x/packages/gateway/dist/data-plane/pipeline.js', [4]),
    node(4, 'dispatch', 'file:///home/x/node_modules/undici/lib/client.js'),
    node(5, '(idle)', ''),
  ],
  startTime: 1_000,
  //         at 1100 1200 1300 1400 1500
  samples: [4, 4, 3, 5, 4],
  timeDeltas: [100, 100, 100, 100, 100],
}

test('only what was sampled within the window counts, and idling does not', () => {
  const digest = digestProfile(PROFILE, { beganMicros: 1_200, endedMicros: 1_500 })
  expect(digest.busyMicros).toBe(200)
  expect(digest.functions).toEqual([
    { what: 'dispatch  node_modules/undici/lib/client.js:10', micros: 100 },
    { what: 'travel  packages/gateway/dist/data-plane/pipeline.js:10', micros: 100 },
  ])
  expect(digest.places).toEqual([
    { what: 'node_modules/undici', micros: 100 },
    { what: 'packages/gateway/dist/data-plane/pipeline.js', micros: 100 },
  ])
})

test('time in what a function calls is its own too, once however often it is on the stack', () => {
  const { own } = digestProfile(PROFILE, { beganMicros: 1_000, endedMicros: 1_500 })
  expect(own).toEqual([{ what: 'travel  packages/gateway/dist/data-plane/pipeline.js:10', micros: 300 }])
})
