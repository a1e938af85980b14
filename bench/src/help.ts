import { GUARD_RATIO_MIN } from './guard.ts'
import { CELL_IDS } from './plan.ts'

export const HELP: string = `npm run bench -- [options]

Measures the gateway's full road beside proxies that people know, keeps the numbers in bench/results/, and writes
docs/benchmark.md from a full run that nothing was left out of.

  (no option)          the full run, about half an hour; the machine should have nothing else to do
  --quick              a few minutes; orders of magnitude only
  --guard              seconds: fails when the gateway saves so little that an SDK proxy needs less than ${GUARD_RATIO_MIN} times its CPU per call
  --cell ID,ID         only these cells, three rounds, a short table: about a minute for a cell with three candidates
                       ${CELL_IDS.join(' ')}
  --profile            the gateway alone in one cell (--cell ID, else call) under --cpu-prof: top functions, main thread and store apart
  --token-endpoint     refreshes and client_credentials per second, and what one costs, with 1 to 100,000 grants stored
  --report             writes docs/benchmark.md from the latest whole run (else a shortened or quick one) and measures nothing

  --candidates A,B     only these candidates
  --rounds N           instead of the mode's number
  --warm MS            warm-up of each measurement
  --measure MS         length of each measurement
  --seed N             order of measurements; printed and kept
  --busy N             call rough what was measured while others used more than N CPUs (default 0.3)
  --no-probes          leave out stalled readers, idle streams, start, revocation and inspection
  --against FOLDER     another built checkout, measured as gateway-against wherever the gateway is: before and after in one run
  --gateway-node=ARGS  options for the gateway's Node.js, such as --gateway-node='--max-semi-space-size=64'
`
