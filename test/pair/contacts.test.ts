/** RFC 2779 §3.1.3, §4.4.2, §4.4.3; draft §5.4.1.1: ways to reach somebody, each with a status of its own. */
import { describe, expect, test } from 'vitest'
import * as wire from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World } from '../support/script/world.ts'

const { command, tag } = wire

const ways = {
  im: { basic: 'open', contact: 'im:bob@b.example' },
  mail: { basic: 'open', contact: 'mailto:bob@mail.example' },
  phone: { basic: 'closed', contact: 'tel:+1-201-555-0123' },
  letter: { basic: 'open', contact: 'https://b.example/bob.vcf', note: 'postal address' },
  sip: { basic: 'closed', contact: 'sips:bob@sip.example' },
  xmpp: { basic: 'open', contact: 'xmpp:bob@chat.example' },
  place: { basic: 'closed', contact: 'geo:48.2010,16.3695' },
} as const

const publish = (bob: ScriptedPeer, document: object): number =>
  bob.ask(wire.pres, {
    command: command.publish,
    fields: [[tag.entityTag, messageId('ways')]],
    body: Buffer.from(JSON.stringify(document)),
  })

const ofBob = { fields: [[tag.to, 'bob@b.example']] } as const

describe('ways to reach a presentity', () => {
  test('of any scheme, open or closed each, come to who watches or fetches elsewhere as they were', async () => {
    const world = new World()
    const bob = await world.attached()
    const far = await world.provenPeer()
    far.show(1, 'alice@a.example')
    far.ask(wire.pres, {
      command: command.subscribe,
      hops: 1,
      reference: 1,
      fields: [...ofBob.fields, [tag.subscription, messageId('of bob')]],
    })
    await world.run(3000)
    const published = publish(bob, { tuples: ways })
    await world.run(3000)
    const fetched = far.ask(wire.pres, { command: command.fetch, hops: 1, reference: 1, ...ofBob })
    await world.run()
    expect(bob.status(published)).toBe('ok')
    expect(JSON.parse(`${far.answer(fetched)?.body}`)).toEqual({ tuples: ways })
    expect(JSON.parse(`${far.requestsOf(command.notify).at(-1)?.body}`)).toEqual({ tuples: ways })
  })

  test.for(['bob@mail.example', '+1-201-555-0123', 'mailto:bob @mail.example', 'tél:1', ''])(
    'are refused where they name no scheme or hold what a URI cannot: "%s"',
    async (contact) => {
      const world = new World()
      const bob = await world.attached()
      const published = publish(bob, { tuples: { way: { contact } } })
      await world.run()
      expect(bob.status(published)).toBe('bad-request')
    },
  )
})
