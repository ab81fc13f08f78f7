/** Section 4.1 of `docs/protocol.md`: room for what a hop adds, and that nobody ends what others use. */
import { describe, expect, test } from 'vitest'
import { limitTable } from '../../../src/limits.ts'
import { endToEndRoom, fields, hopRoom, lastHopTag } from '../../../src/wire/registry.ts'
import * as wire from '../../support/script/codec.ts'
import { JoinedWorlds } from '../../support/script/joined-worlds.ts'
import { messageId, type ScriptedPeer } from '../../support/script/peer.ts'
import { userKey, World } from '../../support/script/world.ts'

const { command, tag } = wire

/** Even fields that nobody knows, `count` of them and `bytes` long in all. */
function filled(bytes: number, count: number): wire.FieldList {
  let left = bytes - 3 * count
  return Array.from({ length: count }, (_, i) => {
    const length = i === count - 1 ? left : Math.min(2048, left)
    left -= length
    return [0x60 + 2 * i, Buffer.alloc(length, i)] as const
  })
}

/** Fields of a message: `bytes` and `count` in all, those of the message included. */
function fieldsOf(to: string, bytes: number, count: number): wire.FieldList {
  const own: wire.FieldList = [
    [tag.to, to],
    [tag.id, messageId(`${to} ${bytes} ${count}`)],
  ]
  return [...own, ...filled(bytes - wire.fields(own).length, count - own.length)]
}

/** Room that is used up to the last byte and field. */
const full = [7168, 24] as const

type Cases = readonly (readonly [string, (to: string) => wire.FieldList])[]

/** More than there is room for, by any measure; the first two fill a block, beside fields of this hop. */
const overFull = (hop: { readonly bytes: number; readonly fields: number }): Cases => [
  ['8192 bytes', (to) => fieldsOf(to, 8192 - hop.bytes, 8)],
  ['32 fields', (to) => fieldsOf(to, 512, 32 - hop.fields)],
  ['7169 bytes', (to) => fieldsOf(to, 7169, 8)],
  ['25 fields', (to) => fieldsOf(to, 512, 25)],
  ['a field before `from`', (to) => [[0x20, 'x'], ...fieldsOf(to, 512, 8)]],
]
const overFullOfClient = overFull({ bytes: 0, fields: 0 })
const overFullBehindLane = overFull({ bytes: 11, fields: 1 })

const hopFields: wire.FieldList = [
  [tag.lane, wire.u32(7, 1)],
  [tag.settled, 0],
  [tag.answerCredit, 9],
  ...[0x08, 0x0a, 0x0c, 0x0e].map((one) => [one, 'of one hop'] as const),
]

/** Two gateways, a link between them, and users who do nothing wrong. */
async function innocents() {
  const worlds = new JoinedWorlds()
  const carol = await worlds.user(worlds.a, 'carol@a.example')
  const erin = await worlds.user(worlds.a, 'erin@a.example')
  const bob = await worlds.user(worlds.b, 'bob@b.example')
  await worlds.wait(erin.client.send({ to: 'bob@b.example', body: 'before' }))
  const { links } = worlds
  /** That everybody is where they were, and heard. */
  const expectWell = async (): Promise<void> => {
    for (const to of ['bob@b.example', 'carol@a.example']) {
      const sent = await worlds.wait(erin.client.send({ to, body: 'after' }))
      expect(sent.status).toBe('delivered')
    }
    expect(worlds.links).toEqual(links)
    expect(links.map(({ link }) => link.state)).toEqual(['open'])
    expect([carol, erin, bob].map(({ losses }) => losses)).toEqual([0, 0, 0])
  }
  return { worlds, carol, erin, bob, expectWell }
}

const send = (sender: ScriptedPeer, fields: wire.FieldList, body = Buffer.alloc(0)): number =>
  sender.ask(wire.im, { command: command.message, fields, body })

describe('what a client sends', () => {
  const cases = overFullOfClient.flatMap(([name, make]) =>
    ['carol@a.example', 'bob@b.example'].map((to) => ({ name, make, to })),
  )

  test.for(cases)(
    '[LINK-4.1-9] MESSAGE with $name to $to is refused, and nobody else feels it',
    async ({ make, to }) => {
      const { worlds, expectWell } = await innocents()
      const dave = await worlds.a.attached('bob@a.example')
      const id = send(dave, make(to))
      await worlds.run(1000)
      expect(dave.status(id)).toBe('bad-request')
      expect(dave.release).toBeUndefined()
      await expectWell()
    },
  )

  test.for(overFullOfClient)('[LINK-4.1-9] FETCH with %s is refused', async ([, make]) => {
    const { worlds, expectWell } = await innocents()
    const dave = await worlds.a.attached('bob@a.example')
    const fields = make('bob@b.example')
    const id = dave.ask(wire.pres, { command: command.fetch, fields })
    await worlds.run(1000)
    expect(dave.status(id)).toBe('bad-request')
    await expectWell()
  })

  test.for(['carol@a.example', 'bob@b.example'])(
    '[LINK-4.1-9] as much as there is room for gets to %s as it is, whatever a hop adds',
    async (to) => {
      const { worlds, expectWell } = await innocents()
      const dave = await worlds.a.attached('bob@a.example')
      const [world, name] = to.startsWith('bob') ? [worlds.b, to] : [worlds.a, to]
      const raw = await world.attached(name)
      const fields = fieldsOf(to, ...full)
      const body = Buffer.alloc(20_000, 'b')
      const [first, rest] = [body.subarray(0, 8000), body.subarray(8000)]
      const id = dave.ask(wire.im | wire.more, {
        command: command.message,
        fields: [[tag.bodyLength, body.length], ...hopFields, ...fields],
        body: first,
      })
      dave.write(wire.type.chunk, 0, id, rest)
      await worlds.run(1000)
      expect(dave.status(id)).toBe('delivered')
      const [got] = raw.requestsOf(command.message)
      const chunks = raw.frames.filter(({ type }) => type === wire.type.chunk)
      const whole = Buffer.concat([
        got?.body ?? '',
        ...chunks.map(({ payload }) => payload),
      ] as Buffer[])
      expect(whole.equals(body)).toBe(true)
      const endToEnd = [...(got?.fields ?? [])].filter(([one]) => one >= 0x20 && one !== tag.from)
      expect(wire.fields(endToEnd).equals(wire.fields(fields))).toBe(true)
      expect(got?.fields.get(tag.from)?.toString()).toBe('bob@a.example')
      await expectWell()
    },
  )
})

describe('what a peer sends', () => {
  test.for(overFullBehindLane)(
    '[LINK-4.1-9] MESSAGE with %s is refused, and its recipient stays',
    async ([, make]) => {
      const world = new World()
      const bob = await world.attached()
      const peer = await world.provenPeer()
      peer.show(1, 'alice@a.example')
      const [before = [0, ''], ...rest] = make('bob@b.example')
      const lane = [tag.lane, wire.u32(1, 1)] as const
      const id = peer.ask(wire.im, {
        ...{ command: command.message, reference: 1, hops: 1 },
        fields: [lane, before, ...rest],
      })
      await world.run(1000)
      expect(peer.status(id)).toBe('bad-request')
      expect(bob.requests).toEqual([])
      expect([peer.release, bob.release, bob.isClosed]).toEqual([undefined, undefined, false])
    },
  )

  /** An answer of z.example to a MESSAGE of bob. */
  async function answered(fields: wire.FieldList) {
    const world = new World()
    const bob = await world.attached()
    const id = bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
    const far = await world.accepted()
    const [message] = far.requestsOf(command.message)
    far.respond(message?.id ?? 0, 'refused', fields, Buffer.from('body'))
    await world.run()
    expect([far.release, bob.release]).toEqual([undefined, undefined])
    return bob.answer(id)
  }

  test('[LINK-4.1-9] an answer that has more says its status and its wait alone', async () => {
    const answer = await answered([[tag.retryAfter, 5000], ...filled(7169, 5)])
    expect(answer?.status).toBe(0x0400)
    expect(answer?.fields.get(tag.retryAfter)?.readUInt32BE()).toBe(5000)
    expect([...(answer?.fields.keys() ?? [])].filter((one) => one >= 0x60)).toEqual([])
    expect(answer?.body.length).toBe(0)
  })

  test('[LINK-4.1-9] an answer that has as much as there is room for is passed on', async () => {
    const fields = filled(...full)
    const answer = await answered([[tag.retryAfter, 5000], ...fields])
    const endToEnd = [...(answer?.fields ?? [])].filter(([one]) => one >= 0x20)
    expect(wire.fields(endToEnd).equals(wire.fields(fields))).toBe(true)
    expect(answer?.body.toString()).toBe('body')
  })

  test('[LINK-4.1-9] [LINK-4.4-4] the longest answer to a FETCH fits one frame of the next hop', async () => {
    const world = new World()
    const bob = await world.attached()
    const id = bob.ask(wire.pres, { command: command.fetch, fields: [[tag.to, 'zoe@z.example']] })
    const far = await world.accepted()
    const [asked] = far.requestsOf(command.fetch)
    const document = Buffer.alloc(8192, 'd')
    const fields = filled(...full)
    const head: wire.FieldList = [[tag.bodyLength, document.length], [tag.retryAfter, 1], ...fields]
    far.write(
      wire.type.response,
      wire.more,
      asked?.id ?? 0,
      wire.responsePayload(0, head, document.subarray(0, 100)),
    )
    far.write(wire.type.chunk, wire.ofAnswer, asked?.id ?? 0, document.subarray(100))
    await world.run()
    const answer = bob.answer(id)
    expect(answer?.flags).toBe(0)
    expect(answer?.body.equals(document)).toBe(true)
  })
})

describe('what a gateway writes', () => {
  const longest = [63, 63, 63, 61].map((length) => 'd'.repeat(length)).join('.')

  test('[LINK-4.1-9] every field of a hop, and the longest `from`, keep within the room', () => {
    const hop = Object.values(fields).filter((field) => field.tag <= lastHopTag)
    const most: Readonly<Record<string, number>> = {
      u32: 4,
      'u32 ms': 4,
      'u32 bytes': 4,
      'u32 epoch, u32 sequence': 8,
      // One for each hop that is allowed.
      'list of u64': 8 * limitTable.hops.value,
    }
    const lengths = [...hop.map(({ shape }) => most[shape] ?? Number.NaN), 256 + 1 + 253]
    expect(lengths.length).toBeLessThanOrEqual(hopRoom.fields)
    expect(lengths.reduce((sum, length) => sum + 3 + length, 0)).toBeLessThan(hopRoom.bytes)
    expect(endToEndRoom.bytes + hopRoom.bytes).toBe(limitTable.fieldBytes.value)
    expect(endToEndRoom.fields + hopRoom.fields).toBe(limitTable.fieldCount.value)
  })

  test('[LINK-3.2-3] the longest sender before a body that just fits leaves the recipient where it is', async () => {
    const worlds = new JoinedWorlds({ domains: [longest, 'b.example'] })
    const sender = `${'u'.repeat(256)}@${longest}`
    worlds.a.users.set('u'.repeat(256), [userKey(sender).x])
    const carol = await worlds.user(worlds.a, `carol@${longest}`)
    const raw = await worlds.a.attached(sender)
    const to = carol.client.user.text
    // Around what one frame holds with and without `from`.
    const sizes = [510, 511, 512, 513, 514, 0]
    for (const [i, less] of sizes.entries()) {
      const fields = [[tag.to, to] as const, [tag.id, messageId(`${i}`)] as const]
      const body = Buffer.alloc(16_384 - 8 - wire.fields(fields).length - less)
      send(raw, fields, body)
    }
    await worlds.run(1000)
    expect(carol.received.map(({ body }) => body.length).length).toBe(sizes.length)
    expect(carol.losses).toBe(0)
  })

  test('[LINK-8.1-3] a credential that is too long for a field is refused, and the link stays', async () => {
    const far = longest.replaceAll('d', 'e')
    const worlds = new JoinedWorlds({ domains: [longest, far] })
    const to = `bob@${far}`
    // JSON writes each of them as two.
    const name = '\\'.repeat(256)
    worlds.a.users.set(name, [userKey(`${name}@${longest}`).x])
    const carol = await worlds.user(worlds.a, `carol@${longest}`)
    const bob = await worlds.user(worlds.b, to)
    await worlds.wait(carol.client.send({ to, body: 'before' }))
    const { links } = worlds
    const odd = await worlds.user(worlds.a, `${name}@${longest}`)
    const sent = await worlds.wait(odd.client.send({ to, body: 'odd' }))
    expect(sent.status).toBe('credential-format')
    const after = await worlds.wait(carol.client.send({ to, body: 'after' }))
    expect(after.status).toBe('delivered')
    expect(worlds.links).toEqual(links)
    const issued = odd.client.issue({ audience: far, scope: ['im.send'] })
    const refused = expect(issued).rejects.toMatchObject({ code: 'credential-format' })
    await worlds.run(1000)
    await refused
    expect([carol, odd, bob].map(({ losses }) => losses)).toEqual([0, 0, 0])
  })

  const short = { limits: { messageBytes: 1000, references: 16 } }

  test.for([1000, 1001])(
    '[LINK-5.2-9] no body to a peer that takes 1000 bytes: %i',
    async (bytes) => {
      const world = new World()
      const bob = await world.attached()
      bob.message({ reference: 0, sequence: 0, to: 'zoe@z.example' })
      const far = await world.accepted(short)
      const body = 'b'.repeat(bytes)
      const id = messageId('long')
      const sent = bob.message({ reference: 0, sequence: 0, to: 'yve@z.example', body, id })
      await world.run()
      expect(far.requestsOf(command.message).length).toBe(bytes > 1000 ? 1 : 2)
      expect(bob.status(sent)).toBe(bytes > 1000 ? 'too-large' : 'no answer')
    },
  )

  test('[LINK-5.2-9] nor to a client', async () => {
    const world = new World()
    const bob = await world.attached()
    const carol = world.dialIn('client', 'b.example')
    carol.sayHello({ role: 'client', ...short })
    world.attach(carol, 'carol@b.example')
    await world.run()
    const body = 'b'.repeat(1001)
    const sent = bob.message({ reference: 0, sequence: 0, to: 'carol@b.example', body })
    await world.run()
    expect(carol.requests).toEqual([])
    expect(bob.status(sent)).toBe('too-large')
  })

  test('[LINK-7.1-6] a credential and the request behind it have credit for both', async () => {
    const world = new World()
    const users = [await world.attached(), await world.attached('carol@b.example')]
    const before = [tag.to, 'zoe@z.example'] as const
    const write = (n: number, by: number, payload: number) => {
      const fields = [before, [tag.id, messageId(`${n}`)] as const]
      const body = Buffer.alloc(payload - 8 - 11 - wire.fields(fields).length)
      send(users[by] as ScriptedPeer, fields, body)
    }
    // The credit of a link that is new: what is left is enough for the message of carol, not for her credential, too.
    for (let n = 0; n < 3; n++) write(n, 0, 16_150)
    write(9, 1, 16_384)
    const far = await world.accepted()
    await world.run(1000)
    const spent = far.frames
      .filter(({ type, payload }) => type === wire.type.request && payload[0] !== command.prove)
      .reduce((sum, { payload }) => sum + payload.length, 0)
    expect(far.requestsOf(command.message).length).toBeGreaterThan(2)
    expect(spent).toBeLessThanOrEqual(65_536)
  })
})
