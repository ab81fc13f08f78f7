/**
 * Ports that cannot be opened, found before any of ours is: an operator hears of all of them at once.
 *
 * In:    addresses and ports that are to be opened.
 * Out:   one sentence for each that cannot be.
 * Fails: never.
 */
import { createServer } from 'node:net'

export type Place = {
  /** As the configuration calls it: `listen.peers[0]`. */
  readonly setting: string
  readonly address: string
  readonly port: number
}

export async function unavailable(places: readonly Place[]): Promise<readonly string[]> {
  const sentences: string[] = []
  for (const place of places) {
    const code = await codeOf(place)
    if (code !== undefined) sentences.push(sentence(place, code))
  }
  return sentences
}

/** Listens and stops again at once. */
const codeOf = ({ address, port }: Place): Promise<string | undefined> =>
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
