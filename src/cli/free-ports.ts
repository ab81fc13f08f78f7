/**
 * Ports that cannot be opened, found before any of ours is: an operator hears of all of them at once.
 *
 * In:    addresses and ports that are to be opened.
 * Out:   one sentence for each that cannot be; whether there is IPv6 at all.
 * Fails: never.
 */
import { createServer, isIPv6 } from 'node:net'
import { type Clock, sleep } from '../lib/clock.ts'
import { whyUnopened } from '../lib/why-unopened.ts'

export type Place = {
  /** As the configuration calls it: `listen.peers[0]`. */
  readonly setting: string
  readonly address: string
  readonly port: number
}

/** What the system says, if it cannot be opened. */
export type Probe = (
  place: Pick<Place, 'address' | 'port'>,
) => Promise<NodeJS.ErrnoException | undefined>

/** RFC 4862 §5.4: an address that was just set is probed for a second or two before it can be used. */
const tentativeMs = 3000
const againMs = 250

export async function unavailable(
  clock: Clock,
  places: readonly Place[],
  probe: Probe = refusalOf,
): Promise<readonly string[]> {
  const sentences: string[] = []
  const until = clock.now() + tentativeMs
  for (const place of places) {
    let error = await probe(place)
    while (error?.code === 'EADDRNOTAVAIL' && isIPv6(place.address) && clock.now() < until) {
      await sleep(clock, againMs)
      error = await probe(place)
    }
    const { setting, address, port } = place
    if (error !== undefined) sentences.push(`${setting}: ${whyUnopened(address, port, error)}`)
  }
  return sentences
}

/** `::`, every address of both families; where the machine does not speak IPv6, every one of IPv4. */
export async function everyAddress(probe: Probe = refusalOf): Promise<'::' | '0.0.0.0'> {
  const error = await probe({ address: '::', port: 0 })
  return error?.code === 'EAFNOSUPPORT' ? '0.0.0.0' : '::'
}

/** Listens and stops again at once. */
const refusalOf: Probe = ({ address, port }) =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', resolve)
    server.listen({ host: address, port, exclusive: true }, () => {
      server.close(() => resolve(undefined))
    })
  })
