/** A user of the relay bench: one TCP connection to a relay, opened with a HELLO that the relay echoes. */
import { connect, type Socket } from 'node:net'
import * as wire from './relay-frame.ts'

/** What a user calls its own credential, on its own connection. */
export const ownReference = 1

export const userName = (i: number, domain: string): string => `user${i}.somebody@${domain}`

/** Resolves when the relay has taken the user; other frames go to `onFrame`. */
export async function attach(
  port: number,
  address: string,
  localAddress: string,
  onFrame: wire.OnFrame,
): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  socket.once('error', reject)
  socket.once('connect', () => {
    socket.write(wire.textFrame(wire.types.hello, ownReference, address))
  })
  socket.on(
    'data',
    wire.frameReader((bytes, start, end) => {
      if (wire.typeOf(bytes, start) === wire.types.hello) resolve(undefined)
      else onFrame(bytes, start, end)
    }),
  )
  await promise
  return socket
}
