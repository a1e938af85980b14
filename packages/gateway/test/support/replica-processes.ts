import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type GatewayProcess, makePlace, type Place, spawnGateway } from './gateway-process.ts'
import { newPlace, removePlace, storeYaml } from './postgres/place.ts'

/** Two built gateways as processes on one PostgreSQL schema, under one public URL. The first is ready and leads. */
export interface ReplicaProcesses {
  readonly places: readonly [Place, Place]
  readonly first: GatewayProcess
  readonly second: GatewayProcess
  /** Starts the first again, on its own state. */
  restartFirst(): Promise<GatewayProcess>
  remove(): Promise<void>
}

export async function startReplicaProcesses(serversYaml: string): Promise<ReplicaProcesses> {
  const database = await newPlace()
  const store = storeYaml(database)
  const one = await makePlace(() => `${store.yaml}${serversYaml}`)
  const two = await makePlace(() => '')
  await writeFile(
    two.configFile,
    `version: 1\ngateway: { publicUrl: '${one.origin}', listen: { port: ${two.port} } }\n${store.yaml}${serversYaml}`,
  )
  for (const { folder } of [one, two])
    for (const [name, text] of Object.entries(store.files)) await writeFile(join(folder, name), text, { mode: 0o600 })
  const running: GatewayProcess[] = []
  const start = async (place: Place) => {
    const gateway = spawnGateway(place)
    running.push(gateway)
    await gateway.ready()
    return gateway
  }
  const first = await start(one)
  await cp(join(one.stateDir, 'keys'), join(two.stateDir, 'keys'), { recursive: true })
  const second = await start(two)
  return {
    places: [one, two],
    first,
    second,
    restartFirst: () => start(one),
    remove: async () => {
      for (const { child, exit } of running) {
        child.kill('SIGKILL')
        await exit
      }
      for (const place of [one, two]) await place.remove()
      await removePlace(database)
    },
  }
}
