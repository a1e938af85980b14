import { Job } from './job.ts'
import type { FromGenerator, ToGenerator } from './messages.ts'

// The load generator: a process of its own, so that its CPU is nobody else's. One job at a time.
let current: Job | null = null

process.on('message', (message: ToGenerator) => {
  handle(message).catch((cause: unknown) => say({ kind: 'failed', problem: String(cause) }))
})
process.on('disconnect', () => process.exit(0))

async function handle(message: ToGenerator): Promise<void> {
  switch (message.kind) {
    case 'open':
      current = await Job.open(message.job)
      return say({ kind: 'opened' })
    case 'showTokens':
      await current?.showTokens()
      return say({ kind: 'shown' })
    case 'begin':
      return current?.begin()
    case 'count':
      return current?.count()
    case 'end': {
      const result = await current?.end()
      current = null
      return say(result === undefined ? { kind: 'failed', problem: 'no job' } : { kind: 'ended', result })
    }
  }
}

function say(message: FromGenerator): void {
  process.send?.(message)
}
