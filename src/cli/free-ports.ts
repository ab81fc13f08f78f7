/**
 * Ports that cannot be opened, found before any of ours is: an operator hears of all of them at once.
 *
 * In:    addresses and ports that are to be opened.
 * Out:   one sentence for each that cannot be; whether there is IPv6 at all.
 * Fails: never.
 */
import { createServer, isIPv6 } from 'node:net'
import { type Clock, sleep } from '../lib/clock.ts'

export type Place = {
  /** As the configuration calls it: `listen.peers[0]`. */
  readonly setting: string
  readonly address: string
  readonly port: number
}

/** The code of the system, if it cannot be opened. */
export type Probe = (place: Pick<Place, 'address' | 'port'>) => Promise<string | undefined>

/** RFC 4862 §5.4: an address that was just set is probed for a second or two before it can be used. */
const tentativeMs = 3000
const againMs = 250

export async function unavailable(
  clock: Clock,
  places: readonly Place[],
  probe: Probe = codeOf,
): Promise<readonly string[]> {
  const sentences: string[] = []
  const until = clock.now() + tentativeMs
  for (const place of places) {
    let code = await probe(place)
    while (code === 'EADDRNOTAVAIL' && isIPv6(place.address) && clock.now() < until) {
      await sleep(clock, againMs)
      code = await probe(place)
    }
    if (code !== undefined) sentences.push(sentence(place, code))
  }
  return sentences
}

/** `::`, every address of both families; where the machine does not speak IPv6, every one of IPv4. */
export async function everyAddress(probe: Probe = codeOf): Promise<'::' | '0.0.0.0'> {
  return (await probe({ address: '::', port: 0 })) === 'EAFNOSUPPORT' ? '0.0.0.0' : '::'
}

/** Listens and stops again at once. */
const codeOf: Probe = ({ address, port }) =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host: address, port, exclusive: true }, () => {
      server.close(() => resolve(undefined))
    })
  })

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has it open',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EAFNOSUPPORT: 'this machine does not speak IPv6',
  EACCES: 'this user may not open it (ports below 1024 need a privilege)',
}

const sentence = ({ setting, address, port }: Place, code: string): string =>
  `${setting}: cannot listen on ${address} port ${port}: ${reasons[code] ?? code}`
