import { writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { printConfigurationJsonSchema } from '#control-plane/configuration/json-schema.ts'
import { systemErrorCode } from '#core/system-error.ts'
import { type CommandWorld, define } from '../command.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { SCHEMA_FILE, STARTER } from '../starter.ts'

export function initCommand(command: Command, world: CommandWorld): Command {
  return define(
    command
      .description('write a commented sallyport.yaml to start from')
      .argument('[file]', 'where to write it', 'sallyport.yaml'),
    world,
    ['sallyport init', 'sallyport init config/sallyport.yaml'],
    async ({ print, io }, [given = 'sallyport.yaml']) => {
      const file = resolve(io.cwd ?? process.cwd(), given)
      const schema = join(dirname(file), SCHEMA_FILE)
      await writeNew(file, STARTER)
      // An older schema is ours to replace; the configuration never is.
      await writeFile(schema, printConfigurationJsonSchema())
      if (print.isJson) print.json({ configuration: file, schema })
      else {
        print.line`Wrote ${file} and, for your editor, ${basename(schema)}.`
        print.line`Next: add a server to it, then run  sallyport check  and  sallyport serve`
      }
      return EXIT.ok
    },
  )
}

async function writeNew(file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content, { flag: 'wx', mode: 0o644 })
  } catch (cause) {
    const code = systemErrorCode(cause)
    throw code === 'EEXIST'
      ? new CliFailure(EXIT.negative, `${file} exists already; it was left as it is.`)
      : new CliFailure(EXIT.unreachable, `${file} cannot be written.`, { cause })
  }
}
