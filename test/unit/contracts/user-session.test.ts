/** The contract of a session of a user of ours, by everything that is one. */
import { FakeCore } from '../../support/fake-core.ts'
import { LonePeer } from '../../support/lone-peer.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemorySession } from '../../support/memory-session.ts'
import { bob } from '../../support/operations.ts'
import * as wire from '../../support/script/codec.ts'
import { userSessionContract } from '../../support/user-session-contract.ts'

const { command, tag } = wire

userSessionContract('links', async () => {
  const clock = new ManualClock()
  const limits = { waitingOutBytes: 20_000 }
  const lone = new LonePeer({ clock, domain: 'b.example', limits })
  const client = await lone.attached(bob)
  const { core } = lone
  const [session] = core.sessions
  if (session === undefined) throw new Error('nobody is attached')
  const from = ({ fields }: wire.Request): string => `${fields.get(tag.from)}`
  return {
    core,
    session,
    messages: () =>
      client.requestsOf(command.message).map((message) => `${from(message)} ${message.body}`),
    notices: () =>
      client.requestsOf(command.notify).map((notice) => {
        const isActive = notice.fields.has(tag.version)
        return `${from(notice)} ${isActive ? notice.body : 'unknown'}`
      }),
    confirm: (body, status) => {
      const found = client.requestsOf(command.message).find((one) => `${one.body}` === body)
      client.respond(found?.id ?? 0, status === 'delivered' ? 'ok' : status)
    },
    // It never gives credit.
    stopReading: () => undefined,
    lose: () => client.channel.destroy(),
    run: (ms) => clock.advance(ms),
  }
})

userSessionContract('memory', async () => {
  const clock = new ManualClock()
  const core = new FakeCore()
  const session = new MemorySession(core, clock, bob)
  session.reply = () => undefined
  await session.attach()
  return {
    core,
    session,
    messages: () => session.messages,
    notices: () => session.notices,
    confirm: (body, status) => session.confirm(body, status),
    stopReading: () => {
      session.isReading = false
    },
    lose: () => session.close(),
    run: (ms) => clock.advance(ms),
  }
})
