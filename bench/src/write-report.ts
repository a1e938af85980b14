import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { printReport } from './report.ts'
import { readLatest } from './results.ts'

const REPORT_FILE = fileURLToPath(new URL('../../docs/benchmark.md', import.meta.url))

/** From the latest run that is kept and fit for it. */
export async function writeReport(): Promise<void> {
  await writeFile(REPORT_FILE, printReport(await readLatest()))
  process.stdout.write('Written: docs/benchmark.md\n')
}
