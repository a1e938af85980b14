import { bench } from './bench.ts'
import { HELP } from './help.ts'
import { parseOptions } from './options.ts'
import { killAll } from './processes.ts'
import { profile } from './profile/profile.ts'
import { measureTokenEndpoint } from './token-endpoint/measure-token-endpoint.ts'
import { writeReport } from './write-report.ts'

// Whatever ends this process, nothing that it started outlives it.
process.on('exit', killAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.action === 'help') process.stdout.write(HELP)
  else if (options.action === 'report') await writeReport()
  else {
    // Everything comes from /proc.
    if (process.platform !== 'linux') throw new Error('The benchmark reads CPU times from /proc, so it runs on Linux')
    process.exitCode =
      options.action === 'profile'
        ? await profile(options)
        : options.action === 'tokenEndpoint'
          ? await measureTokenEndpoint()
          : await bench(options)
  }
} catch (cause) {
  process.stderr.write(`\n${cause instanceof Error ? cause.message : String(cause)}\n`)
  process.exitCode = 1
}
process.exit()
