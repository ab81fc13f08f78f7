/** The receiving users of the relay bench, in one process: every message is confirmed. */
import { serveParent } from './children.ts'
import { confirmTo } from './confirmations.ts'
import { inTurns, Receiver, sourceOf } from './load.ts'
import * as wire from './relay-frame.ts'
import { attach, userName } from './relay-user.ts'

export type Settings = {
  readonly port: number
  readonly users: number
  readonly bodyBytes: number
  readonly domain: string
}

serveParent(async ({ port, users, bodyBytes, domain }: Settings) => {
  const receiver = new Receiver()
  await inTurns(Array.from({ length: users }), async (_user, i) => {
    let confirm = (_id: number): undefined => undefined
    const socket = await attach(port, userName(i, domain), sourceOf(i), (bytes, start, end) => {
      receiver.arrived(bytes, end - bodyBytes)
      confirm(wire.idOf(bytes, start))
    })
    confirm = confirmTo(socket, wire.responseFrame())
  })
  return {
    facts: {},
    tasks: {
      expect: (order: { readonly isTimed: boolean }) => receiver.expect(order),
      report: (sent: number) => receiver.report(sent),
    },
  }
})
