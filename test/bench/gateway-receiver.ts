/** The receiving users of the gateway bench, in one process: every message is confirmed. */
import { frame, trafficClass } from '../../src/wire/registry.ts'
import { serveParent } from './children.ts'
import { confirmTo } from './confirmations.ts'
import type { User } from './gateway-site.ts'
import { attach, makeFrame } from './gateway-user.ts'
import { inTurns, Receiver, sourceOf } from './load.ts'

export type Settings = {
  readonly port: number
  readonly users: readonly User[]
  readonly bodyBytes: number
  readonly domain: string
}

/** Credit for messages: so many more, so many bytes more. Given anew every 1 000 messages. */
const grantEvery = 1000
function credit(requests: number, bytes: number): Buffer {
  const payload = Buffer.alloc(9)
  payload[0] = trafficClass.im
  payload.writeUInt32BE(requests, 1)
  payload.writeUInt32BE(bytes, 5)
  return makeFrame(frame.credit, 0, 0, payload)
}

/** `delivered`, without fields. */
const confirmation = makeFrame(frame.response, 0, 0, Buffer.from([0, 1, 0, 0]))

serveParent(async ({ port, users, bodyBytes, domain }: Settings) => {
  const receiver = new Receiver()
  await inTurns(users, async ({ name, keyPem }, i) => {
    let count = 0
    let confirm = (_id: number): undefined => undefined
    const socket = await attach(
      port,
      name,
      domain,
      keyPem,
      (type, _flags, id, buffer, _start, end) => {
        if (type !== frame.request) return true
        receiver.arrived(buffer, end - bodyBytes)
        if (++count % grantEvery === 0) socket.write(credit(grantEvery, grantEvery * 1024))
        confirm(id)
        return true
      },
      sourceOf(i),
    )
    confirm = confirmTo(socket, confirmation)
    socket.write(credit(20 * grantEvery, 20 * grantEvery * 1024))
  })
  return {
    facts: {},
    tasks: {
      expect: (order: { readonly isTimed: boolean }) => receiver.expect(order),
      report: (sent: number) => receiver.report(sent),
    },
  }
})
