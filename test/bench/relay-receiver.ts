/** The receiving users of the relay bench, in one process. */
import { serveParent } from './children.ts'
import { Receiver } from './load.ts'
import { attach, userName } from './relay-user.ts'

export type Settings = {
  readonly port: number
  readonly users: number
  readonly bodyBytes: number
  readonly domain: string
}

serveParent(async ({ port, users, bodyBytes, domain }: Settings) => {
  const receiver = new Receiver()
  for (let i = 0; i < users; i++) {
    await attach(port, userName(i, domain), (bytes, _start, end) => {
      receiver.arrived(bytes, end - bodyBytes)
    })
  }
  return {
    facts: {},
    tasks: {
      expect: (order: { readonly isTimed: boolean }) => receiver.expect(order),
      report: (sent: number) => receiver.report(sent),
    },
  }
})
