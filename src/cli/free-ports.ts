/**
 * Ports that cannot be opened, found before any of ours is: an operator hears of all of them at once.
 *
 * In:    addresses and ports that are to be opened.
 * Out:   one sentence for each that cannot be.
 * Fails: never.
 */
import { createServer } from 'node:net'
import { whyUnopened } from '../lib/why-unopened.ts'

export type Place = {
  /** As the configuration calls it: `listen.peers[0]`. */
  readonly setting: string
  readonly address: string
  readonly port: number
}

export async function unavailable(places: readonly Place[]): Promise<readonly string[]> {
  const sentences: string[] = []
  for (const place of places) {
    const { setting, address, port } = place
    const error = await refusalOf(place)
    if (error !== undefined) sentences.push(`${setting}: ${whyUnopened(address, port, error)}`)
  }
  return sentences
}

/** Listens and stops again at once. */
const refusalOf = ({ address, port }: Place): Promise<Error | undefined> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', resolve)
    server.listen({ host: address, port, exclusive: true }, () => {
      server.close(() => resolve(undefined))
    })
  })
