/**
 * Where the demo's servers listen: loopback addresses and ports that nobody else has.
 *
 * In:    how many ports.
 * Out:   addresses of this machine, ports that were free a moment ago.
 * Fails: as the system does when there is no port left.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** An address of its own for each domain, where the machine has them: some give out 127.0.0.1 alone. */
export async function loopback(wanted: string): Promise<string> {
  return (await portAt(wanted)) === undefined ? '127.0.0.1' : wanted
}

/** All are held until the last one is found, so no two are the same. */
export async function freePorts(address: string, count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listening(address)))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

const portAt = (address: string): Promise<number | undefined> =>
  freePorts(address, 1).then(
    ([port]) => port,
    () => undefined,
  )

async function listening(address: string) {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  return server
}
