import type { Command } from 'commander'
import { loadConfiguration } from '#control-plane/configuration/load.ts'
import { printProblem } from '#control-plane/configuration/problem.ts'
import { type CommandWorld, define } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { explainProblems } from '../explain-problems.ts'
import { printable } from '../printable.ts'

export function checkCommand(command: Command, world: CommandWorld): Command {
  return define(
    command.description('check the configuration; problems are printed as file:line:column (exit code 1)'),
    world,
    ['sallyport check', 'sallyport check --config deploy/sallyport.yaml', 'sallyport check --json'],
    async ({ places, env, print, io }) => {
      const loaded = await loadConfiguration({ file: places.configurationFile, env, stateDir: places.stateDir })
      const problems = loaded.ok ? [] : loaded.refusal
      const warnings = loaded.ok ? loaded.value.warnings : []
      if (print.isJson) {
        print.json({ ok: loaded.ok, file: places.configurationFile, problems, warnings })
        return loaded.ok ? EXIT.ok : EXIT.negative
      }
      for (const line of explainProblems(problems).split('\n')) if (line !== '') io.stderr.write(`${printable(line)}\n`)
      for (const warning of warnings) io.stderr.write(`${printable(`warning: ${printProblem(warning)}`)}\n`)
      if (!loaded.ok) return EXIT.negative
      const { snapshot, tenants } = loaded.value
      print.line`${places.configurationFile} is good: ${counted(snapshot.servers.size, 'server')}, ${counted(snapshot.roles.size, 'role')}, version ${snapshot.version.slice(0, 12)}.`
      for (const [name, { snapshot: own }] of tenants)
        print.line`Tenant ${name} at ${own.publicUrl}: ${counted(own.servers.size, 'server')}, ${counted(own.roles.size, 'role')}.`
      return EXIT.ok
    },
  )
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
