import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../e2e/support/gateway.ts'
import { newPlace, removePlace, storeYaml } from './postgres/place.ts'
import { startWholeGateway, type WholeGateway } from './whole-gateway.ts'

/** Gateways that share one PostgreSQL schema and one public URL, as behind a load balancer; each listens on a port of its own. */
export interface Replicas {
  /** The public URL: that of the first. */
  readonly origin: string
  readonly place: string
  readonly all: readonly WholeGateway[]
  /** Adds one. `keys`: those of the first, unless others are given. */
  add(keys?: Readonly<Record<string, Uint8Array>>): Promise<WholeGateway>
  close(): Promise<void>
}

const KEYS = ['sealing.key', 'checkpoint.key']

/** `tenants`: the configuration of each by name; `serversYaml` names `NAME.yaml`. */
export async function startReplicas(
  count: number,
  serversYaml: string,
  tenants: Readonly<Record<string, string>> = {},
): Promise<Replicas> {
  // From the gateway's own folder of keys.
  const folders = ['', ...Object.keys(tenants).map((name) => `../tenants/${name}/keys/`)]
  const place = await newPlace()
  const store = storeYaml(place)
  const publicPort = await freePort()
  const origin = `http://127.0.0.1:${publicPort}`
  const all: WholeGateway[] = []
  const keysOfFirst = async (): Promise<Record<string, Uint8Array>> => {
    const [first] = all
    if (first === undefined) return {}
    const read = folders.flatMap((folder) =>
      KEYS.map(async (name) => {
        const path = `${folder}${name}`
        return [path, await readFile(join(first.folder, 'var', 'keys', path))] as const
      }),
    )
    return Object.fromEntries(await Promise.all(read))
  }
  const add = async (keys?: Readonly<Record<string, Uint8Array>>) => {
    const given = Object.entries(keys ?? (await keysOfFirst()))
    const files = Object.entries(tenants).map(([name, yaml]) => [`${name}.yaml`, yaml])
    const gateway = await startWholeGateway(
      (port) =>
        `version: 1\ngateway: { publicUrl: '${origin}', listen: { port: ${all.length === 0 ? publicPort : port} } }\n${store.yaml}${serversYaml}`,
      {
        files: {
          ...store.files,
          ...Object.fromEntries(files),
          ...Object.fromEntries(given.map(([path, key]) => [`var/keys/${path}`, key])),
        },
      },
    )
    all.push(gateway)
    return gateway
  }
  for (let index = 0; index < count; index += 1) await add()
  return {
    origin,
    place,
    all,
    add,
    close: async () => {
      for (const gateway of all) await gateway.close()
      for (const name of Object.keys(tenants)) await removePlace(`${place}_t_${name}`)
      await removePlace(place)
    },
  }
}

/** Where a replica really listens. */
export function portOf(replicas: Replicas, gateway: WholeGateway): number {
  return gateway === replicas.all[0] ? Number(new URL(replicas.origin).port) : gateway.port
}
