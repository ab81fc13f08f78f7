import { describe, expect, test } from 'vitest'
import type { Client, SendResult } from '../../../src/client/client.ts'
import type { Status } from '../../../src/errors.ts'
import { fields } from '../../../src/wire/registry.ts'
import { LaneGate } from '../../support/lane-gate.ts'
import type { Recorded, Reply, ScriptedGateway } from '../../support/scripted-gateway.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { attached, bob, watched } from './support.ts'

const startSeconds = 1_790_000_000

const sendAll = (client: Client, bodies: readonly string[]) =>
  bodies.map((body) => watched(client.send({ to: bob, body })))

const statuses = (sent: readonly { value: () => SendResult | undefined }[]) =>
  sent.map(({ value }) => value()?.status)

const places = (requests: readonly Recorded[]) =>
  requests.map(({ body, epoch, sequence }) => `${body} ${epoch - startSeconds}.${sequence}`)

const names = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `m${i + 1}`)

/** Answers the n-th message that comes with the n-th status, then all with `delivered`. */
function answers(gateway: ScriptedGateway, first: readonly (Reply['status'] | 'later')[]): void {
  let n = 0
  gateway.reply = () => {
    const status = first[n++] ?? 'delivered'
    return status === 'later' ? 'later' : { status }
  }
}

describe('sending', () => {
  test('a message carries recipient, id, body and its place, and no reference', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, [])
    const [sent] = sendAll(client, ['hello'])
    await clock.advance(0)
    const [message] = gateway.asked('message')
    expect(message).toMatchObject({ to: bob, body: 'hello', reference: 0, trafficClass: 1 })
    expect(message).toMatchObject({ epoch: startSeconds, sequence: 1, settled: 0 })
    expect([...(message?.fields.keys() ?? [])]).toEqual([
      fields.lane.tag,
      fields.to.tag,
      fields.id.tag,
    ])
    const id = message?.fields.get(fields.id.tag)?.toString('hex')
    expect(sent?.value()).toEqual({
      status: 'delivered',
      id,
      retryAfterMs: undefined,
      reporter: undefined,
      stage: undefined,
      text: undefined,
    })
  })

  test('each message has an id of its own', async () => {
    const { client, clock } = await attached()
    const sent = Array.from({ length: 200 }, (_, i) =>
      watched(client.send({ to: `u${i}@b.example`, body: 'x' })),
    )
    await clock.advance(0)
    const ids = new Set(sent.map(({ value }) => value()?.id))
    expect(ids.size).toBe(200)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
  })

  test('type, id and body of the program are used as they are', async () => {
    const { client, clock, gateway } = await attached()
    const id = '000102030405060708090a0b0c0d0e0f'
    const body = Uint8Array.of(0, 255)
    void client.send({ to: bob, body, contentType: 'application/mimi-content', id })
    await clock.advance(0)
    const [message] = gateway.asked('message')
    expect(message?.fields.get(fields.contentType.tag)?.toString()).toBe('application/mimi-content')
    expect(message?.fields.get(fields.id.tag)?.toString('hex')).toBe(id)
  })

  test('who found a failure is a domain, and where is a group of statuses, or nothing', async () => {
    const { client, clock, gateway } = await attached()
    const said = async (reporter: string, stage: string) => {
      const list = [
        [fields.reporter.tag, reporter],
        [fields.stage.tag, stage],
      ] as const
      gateway.reply = () => ({ status: 'refused', fields: list })
      const [sent] = sendAll(client, ['x'])
      await clock.advance(0)
      const { reporter: who, stage: where } = sent?.value() ?? {}
      return [who, where]
    }
    expect(await said('b.example', 'policy')).toEqual(['b.example', 'policy'])
    expect(await said('\u001b[2Jb.example', '\u001b]0;x\u0007')).toEqual([undefined, undefined])
    expect(await said('B.example', 'Policy')).toEqual([undefined, undefined])
    expect(await said('call me', 'nowhere at all')).toEqual([undefined, undefined])
  })

  test('a failure says who found it, where, and when to try again', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({
      status: 'remote-unreachable',
      fields: [
        [fields.retryAfter.tag, 5000],
        [fields.reporter.tag, 'a.example'],
        [fields.stage.tag, 'way'],
        [fields.text.tag, 'nobody at home: é'],
      ],
    })
    const [sent] = sendAll(client, ['x'])
    await clock.advance(0)
    expect(sent?.value()).toMatchObject({
      status: 'remote-unreachable',
      retryAfterMs: 5000,
      reporter: 'a.example',
      stage: 'way',
      text: 'nobody at home: é',
    })
  })

  test.for([
    [{ to: 'nobody' }, 'bad-address'],
    [{ id: 'short' }, 'bad-request'],
    [{ contentType: 'text/pläin' }, 'bad-request'],
    [{ body: 'x'.repeat(1001) }, 'too-large'],
  ] as const)('what cannot be sent is refused here: %o', async ([wrong, status]) => {
    const { client, clock, gateway } = await attached()
    gateway.messageBytes = 1000
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    const sent = watched(client.send({ to: bob, body: 'x', ...wrong }))
    await clock.advance(0)
    expect(sent.value()?.status).toBe(status)
    expect(gateway.asked('message')).toEqual([])
  })

  test('a body of many frames arrives whole', async () => {
    const { client, clock, gateway } = await attached()
    const body = 'long '.repeat(13_000)
    const [sent] = sendAll(client, [body])
    await clock.advance(10)
    expect(gateway.asked('message')[0]?.body).toBe(body)
    expect(sent?.value()?.status).toBe('ok')
  })
})

describe('the time that was given', () => {
  test.for([3000, 40_000])(
    'is kept to, and nobody knows then what became of the message: %i ms',
    async (lifeMs) => {
      const { client, clock, gateway } = await attached()
      gateway.reply = () => 'later'
      const sent = watched(client.send({ to: bob, body: 'm1', lifeMs }))
      await clock.advance(lifeMs - 1)
      expect(sent.value()).toBeUndefined()
      await clock.advance(1)
      expect(sent.value()?.status).toBe('unknown-outcome')
    },
  )

  test('is that of each message, whatever came before it', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const times = [9000, 2500, 500, 5000]
    const sent = times.map((lifeMs) => watched(client.send({ to: bob, body: 'x', lifeMs })))
    const told = () => times.filter((_, i) => sent[i]?.value() !== undefined)
    for (const [at, over] of [
      [499, []],
      [1, [500]],
      [2000, [2500, 500]],
      [2500, [2500, 500, 5000]],
      [4000, times],
    ] as const) {
      await clock.advance(at)
      expect(told()).toEqual(over)
    }
  })

  test('is over for a message that waits for its turn, too: it is not sent', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    void sendAll(client, names(16))
    const late = watched(client.send({ to: bob, body: 'late', lifeMs: 1500 }))
    await clock.advance(1500)
    expect(late.value()?.status).toBe('busy')
    for (const request of gateway.asked('message')) gateway.answer(request, { status: 'delivered' })
    await clock.advance(10)
    expect(gateway.asked('message').map(({ body }) => body)).toEqual(names(16))
  })

  test('an answer that comes later is told to nobody, and the lane goes on', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const late = watched(client.send({ to: bob, body: 'late', lifeMs: 1000 }))
    await clock.advance(1000)
    const { id } = late.value() ?? {}
    const [request] = gateway.asked('message')
    answers(gateway, [])
    if (request !== undefined) gateway.answer(request, { status: 'order' })
    const again = watched(client.send({ to: bob, body: 'late', id }))
    await clock.advance(1000)
    expect(late.value()?.status).toBe('unknown-outcome')
    expect(again.value()).toMatchObject({ status: 'delivered', id })
    expect(places(gateway.asked('message')).length).toBe(2)
    await client.close()
    await clock.advance(10_000)
    expect(clock.pending).toBe(0)
  })
})

describe('what cannot be sent', () => {
  test('is named with what it should be', async () => {
    const { client } = await attached()
    const send = (more: object) => client.send({ to: bob, body: 'x', ...more })
    expect((await send({ id: 'abc' })).text).toBe(
      'expected an id of 32 hexadecimal digits, found "abc"',
    )
    expect((await send({ contentType: 'é' })).text).toBe(
      'expected a media type such as text/plain;charset=utf-8, found "é"',
    )
  })

  test('is too large by a number, here or over there', async () => {
    const { client, clock, gateway } = await attached()
    const { status, text } = await client.send({ to: bob, body: 'x'.repeat(70_000) })
    expect(status).toBe('too-large')
    expect(text).toBe(
      'the body has 70000 bytes, and the gateway takes at most 65536 (limits.messageBytes)',
    )
    answers(gateway, ['too-large'])
    const sent = watched(client.send({ to: bob, body: 'x'.repeat(60_000) }))
    await clock.advance(10)
    expect(sent.value()?.text).toBe(
      'the body has 60000 bytes, more than the gateway of the recipient takes',
    )
  })
})

describe('a lane', () => {
  test('has at most 16 messages under way; the others follow in order', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const sent = sendAll(client, names(20))
    await clock.advance(0)
    expect(gateway.asked('message').length).toBe(16)
    for (const message of gateway.asked('message').slice(0, 3)) {
      gateway.answer(message, { status: 'delivered' })
    }
    await clock.advance(0)
    expect(places(gateway.asked('message'))).toEqual(
      names(19).map((name, i) => `${name} 0.${i + 1}`),
    )
    expect(statuses(sent).filter((status) => status === 'delivered').length).toBe(3)
  })

  test('tells how far answers are held', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    sendAll(client, names(3))
    await clock.advance(0)
    const [first, second, third] = gateway.asked('message')
    const settledAfter = async (message: Recorded | undefined): Promise<number | undefined> => {
      if (message !== undefined) gateway.answer(message, { status: 'delivered' })
      await clock.advance(0)
      sendAll(client, ['next'])
      await clock.advance(0)
      return gateway.asked('message').at(-1)?.settled
    }
    expect(await settledAfter(second)).toBe(0)
    expect(await settledAfter(first)).toBe(2)
    expect(await settledAfter(third)).toBe(3)
  })

  test('holds no answer of an epoch that is over for one of the next', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, ['later', 'delivered', 'delivered', 'later'])
    sendAll(client, ['m1', 'm2'])
    await clock.advance(0)
    const [first] = gateway.asked('message')
    if (first !== undefined) gateway.answer(first, { status: 'busy' })
    await clock.advance(0)
    sendAll(client, ['m3'])
    await clock.advance(0)
    sendAll(client, ['m4', 'm5'])
    await clock.advance(0)
    expect(gateway.asked('message').map(({ body, settled }) => `${body} ${settled}`)).toEqual([
      'm1 0',
      'm2 0',
      'm3 0',
      'm4 1',
      'm5 1',
    ])
  })

  test('does not hold up another one', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    sendAll(client, names(30))
    void client.send({ to: 'carol@c.example', body: 'hi' })
    await clock.advance(0)
    const [last] = gateway.asked('message').slice(-1)
    expect(last).toMatchObject({ to: 'carol@c.example', sequence: 1 })
  })

  test('is full when 512 wait', async () => {
    const hit: string[] = []
    const limitHit = (limit: string): undefined => void hit.push(limit) as undefined
    const { client, clock, gateway } = await attached({ limitHit })
    gateway.reply = () => 'later'
    const sent = sendAll(client, names(16 + 512 + 1))
    await clock.advance(0)
    expect(statuses(sent).filter((status) => status === 'busy').length).toBe(1)
    expect(sent.at(-1)?.value()?.status).toBe('busy')
    expect(hit).toEqual(['windowRequests'])
  })

  test('has room again when those who waited have gone, or were given up', async () => {
    const { client, clock, gateway } = await attached({}, { limits: { windowRequests: 20 } })
    gateway.reply = () => 'later'
    const fill = async (count: number): Promise<number> => {
      const sent = sendAll(client, names(count))
      await clock.advance(0)
      return statuses(sent).filter((status) => status === 'busy').length
    }
    expect(await fill(16 + 20 + 1)).toBe(1)
    for (const message of gateway.asked('message')) gateway.answer(message, { status: 'stored' })
    await clock.advance(10)
    expect(await fill(16 + 1)).toBe(1)
    gateway.dialFault = new TypeError('down')
    gateway.link.pair.cut('both')
    await clock.advance(40_000)
    expect(await fill(20 + 1)).toBe(1)
  })

  test('bytes that wait are bounded, too', async () => {
    const { client, clock, gateway } = await attached({}, { limits: { waitingOutBytes: 100_000 } })
    gateway.reply = () => 'later'
    const body = 'x'.repeat(30_000)
    const sent = sendAll(client, [body, body, body, body])
    await clock.advance(0)
    expect(statuses(sent)).toEqual([undefined, undefined, undefined, 'busy'])
    for (const message of gateway.asked('message')) gateway.answer(message, { status: 'stored' })
    await clock.advance(10)
    gateway.reply = () => ({ status: 'stored' })
    const again = sendAll(client, [body])
    await clock.advance(10)
    expect(statuses(again)).toEqual(['stored'])
  })
})

describe('a lane that nobody uses', () => {
  test('is forgotten, and counts on from a later epoch when it is used again', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'delivered' })
    sendAll(client, ['m1'])
    await clock.advance(21 * 60_000)
    sendAll(client, ['m2'])
    await clock.advance(0)
    expect(places(gateway.asked('message'))).toEqual(['m1 0.1', 'm2 1260.1'])
  })

  test('is kept while it is used now and then', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'delivered' })
    for (const body of names(4)) {
      sendAll(client, [body])
      await clock.advance(7 * 60_000)
    }
    expect(gateway.asked('message').map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
  })

  test('is forgotten at once where there are too many, but not one that waits', async () => {
    const { client, clock, gateway } = await attached({}, { limits: { lanes: 2 } })
    const to = (user: string) => watched(client.send({ to: `${user}@b.example`, body: user }))
    for (const user of ['a', 'b', 'a']) {
      to(user)
      await clock.advance(0)
    }
    expect(gateway.asked('message').map(({ sequence }) => sequence)).toEqual([1, 1, 2])
    gateway.reply = () => 'later'
    const sent = [to('b'), to('c'), to('d')]
    await clock.advance(0)
    expect(statuses(sent)).toEqual([undefined, undefined, 'busy'])
  })

  test('never falls back behind an epoch that it had', async () => {
    const { client, clock, gateway } = await attached({}, { limits: { lanes: 1 } })
    const send = async (to: string) => {
      void client.send({ to, body: 'x' })
      await clock.advance(0)
    }
    answers(gateway, ['order', 'busy'])
    for (const to of [bob, bob, 'carol@b.example', bob]) await send(to)
    const epochs = gateway.asked('message').map(({ epoch }) => epoch - startSeconds)
    expect(epochs).toEqual([0, 1, 2, 3, 4])
  })
})

describe('after a failure that may pass', () => {
  test('what was refused because of it goes again in order, once it is told', async () => {
    const { client, clock, gateway } = await attached()
    const told: string[] = []
    answers(gateway, ['delivered', 'busy', 'order', 'later', 'order'])
    for (const body of names(5)) {
      void client.send({ to: bob, body }).then(({ status }) => told.push(`${body} ${status}`))
    }
    await clock.advance(0)
    // m4 is still under way: nothing goes out before it is answered.
    expect(gateway.asked('message').length).toBe(5)
    void client.send({ to: bob, body: 'm6' })
    await clock.advance(0)
    expect(gateway.asked('message').length).toBe(5)
    expect(told).toEqual(['m1 delivered', 'm2 busy'])
    const fourth = gateway.asked('message')[3]
    if (fourth !== undefined) gateway.answer(fourth, { status: 'order' })
    await clock.advance(0)
    expect(places(gateway.asked('message').slice(5))).toEqual([
      'm3 1.1',
      'm4 1.2',
      'm5 1.3',
      'm6 1.4',
    ])
    expect(told.slice(2)).toEqual(['m3 delivered', 'm4 delivered', 'm5 delivered'])
  })

  test('a repetition keeps id, fields and body', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, ['busy', 'order'])
    sendAll(client, names(2))
    await clock.advance(0)
    const [, before, again] = gateway.asked('message')
    const endToEnd = (message: Recorded | undefined) =>
      [...(message?.fields ?? [])]
        .filter(([tag]) => tag > 0x1f)
        .map(([tag, value]) => [tag, value.toString('hex')])
    expect(endToEnd(again)).toEqual(endToEnd(before))
    expect(again?.body).toBe('m2')
  })

  test('the lane rests as long as it was asked to', async () => {
    const { client, clock, gateway } = await attached()
    let n = 0
    gateway.reply = () =>
      n++ === 0
        ? { status: 'rate-limited', fields: [[fields.retryAfter.tag, 3000]] }
        : { status: 'delivered' }
    const sent = sendAll(client, ['m1'])
    await clock.advance(0)
    sent.push(...sendAll(client, ['m2']))
    await clock.advance(2500)
    expect(statuses(sent)).toEqual(['rate-limited', undefined])
    await clock.advance(2000)
    expect(statuses(sent)).toEqual(['rate-limited', 'delivered'])
  })

  test('a lane that the gateway has forgotten begins anew, unseen', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, ['delivered', 'order'])
    const [first] = sendAll(client, ['m1'])
    await clock.advance(60_000)
    const [second] = sendAll(client, ['m2'])
    await clock.advance(0)
    expect(first?.value()?.status).toBe('delivered')
    expect(second?.value()?.status).toBe('delivered')
    expect(places(gateway.asked('message'))).toEqual(['m1 0.1', 'm2 0.2', 'm2 60.1'])
    expect(gateway.asked('message').map(({ settled }) => settled)).toEqual([0, 1, 0])
  })

  test('a gateway that says nothing but order is believed in the end', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'order' })
    const [sent] = sendAll(client, ['m1'])
    await clock.advance(100)
    expect(sent?.value()?.status).toBe('order')
    expect(gateway.asked('message').length).toBe(17)
  })

  test('another session that counts from a later clock is passed by, one message at a time', async () => {
    const { client, clock, gateway } = await attached()
    const lane = new LaneGate(startSeconds + 3600)
    const open: Recorded[] = []
    gateway.reply = (message) => {
      if (!lane.take(message)) return { status: 'order' }
      open.push(message)
      return 'later'
    }
    const sent = sendAll(client, names(3))
    for (let i = 0; i < 3; i++) {
      await clock.advance(10)
      expect(open.length).toBe(i + 1)
      const message = open.at(-1)
      if (message !== undefined) gateway.answer(message, { status: 'delivered' })
    }
    await clock.advance(10)
    expect(open.map(({ body, sequence }) => [body, sequence])).toEqual([
      ['m1', 0],
      ['m2', 0],
      ['m3', 0],
    ])
    expect(statuses(sent)).toEqual(['delivered', 'delivered', 'delivered'])
    // Two beginnings were refused, and that was enough.
    expect(gateway.asked('message').length).toBe(9)
    gateway.reply = () => ({ status: 'delivered' })
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    sendAll(client, ['m4'])
    await clock.advance(0)
    expect(gateway.asked('message').at(-1)?.sequence).toBe(1)
  })

  test('a beginning that was refused once in a while is no reason to go without numbers', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, ['order', 'delivered', 'order', 'order', 'delivered'])
    sendAll(client, ['m1'])
    await clock.advance(0)
    sendAll(client, ['m2'])
    await clock.advance(0)
    expect(gateway.asked('message').map(({ sequence }) => sequence)).toEqual([1, 1, 2, 1, 1])
  })
})

describe('when nobody knows', () => {
  test('messages of a lost link go again in order, with their ids, and before later ones', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, ['delivered', 'later', 'later'])
    const sent = sendAll(client, names(3))
    await clock.advance(0)
    gateway.link.pair.cut('both')
    await clock.advance(0)
    sent.push(...sendAll(client, ['m4']))
    await clock.advance(1000)
    expect(statuses(sent)).toEqual(['delivered', 'delivered', 'delivered', 'delivered'])
    const [old, again] = [gateway.asked('message').slice(0, 3), gateway.asked('message').slice(3)]
    expect(places(again)).toEqual(['m2 1.1', 'm3 1.2', 'm4 1.3'])
    const id = (message: Recorded | undefined) =>
      message?.fields.get(fields.id.tag)?.toString('hex')
    expect(again.slice(0, 2).map(id)).toEqual(old.slice(1).map(id))
  })

  test('it goes on as soon as there is a link', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, ['later'])
    const sent = sendAll(client, ['m1'])
    await clock.advance(0)
    gateway.link.pair.cut('both')
    await clock.advance(300)
    expect(client.state).toBe('attached')
    expect(statuses(sent)).toEqual(['delivered'])
  })

  test('a lane stays on a link that was released until all of it is answered there', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, ['later'])
    const sent = sendAll(client, ['m1'])
    await clock.advance(0)
    gateway.link.link.release('shutdown')
    await clock.advance(500)
    expect(gateway.links.length).toBe(2)
    sent.push(...sendAll(client, ['m2', 'm3']))
    void client.send({ to: 'carol@c.example', body: 'other lane' })
    await clock.advance(100)
    expect(gateway.asked('message').map(({ body }) => body)).toEqual(['m1', 'other lane'])
    const [first] = gateway.asked('message')
    if (first !== undefined) gateway.answer(first, { status: 'stored' })
    await clock.advance(100)
    expect(statuses(sent)).toEqual(['stored', 'delivered', 'delivered'])
    expect(places(gateway.asked('message').slice(2))).toEqual(['m2 1.1', 'm3 1.2'])
  })

  test('the program may be told at once instead', async () => {
    const { client, clock, gateway } = await attached({ repeat: false })
    answers(gateway, ['later'])
    const sent = sendAll(client, ['m1'])
    await clock.advance(0)
    gateway.link.pair.cut('both')
    await clock.advance(2000)
    expect(statuses(sent)).toEqual(['unknown-outcome'])
    expect(gateway.asked('message').length).toBe(1)
  })

  test('an answer of unknown outcome is repeated a little later', async () => {
    const { client, clock, gateway } = await attached()
    answers(gateway, ['unknown-outcome', 'order', 'stored'])
    const sent = sendAll(client, names(2))
    await clock.advance(500)
    expect(statuses(sent)).toEqual([undefined, undefined])
    await clock.advance(1500)
    expect(places(gateway.asked('message'))).toEqual(['m1 0.1', 'm2 0.2', 'm1 1.1', 'm2 1.2'])
    expect(statuses(sent)).toEqual(['stored', 'delivered'])
  })

  test('what may have arrived is not told as failed when a repetition of it fails for a time', async () => {
    const { client, clock, gateway } = await attached({ lifeMs: 5000 })
    answers(gateway, ['unknown-outcome', 'remote-unreachable'])
    const sent = sendAll(client, ['m1'])
    await clock.advance(4000)
    expect(statuses(sent)).toEqual(['delivered'])
    answers(gateway, ['unknown-outcome', ...names(10).map(() => 'remote-unreachable' as const)])
    sent.push(...sendAll(client, ['m2']))
    await clock.advance(7000)
    expect(statuses(sent)).toEqual(['delivered', 'unknown-outcome'])
    answers(gateway, ['unknown-outcome', 'refused'])
    sent.push(...sendAll(client, ['m3']))
    await clock.advance(2000)
    expect(statuses(sent)[2]).toBe('refused')
  })

  test('a message that was never written is given up as lost, one that was as unknown', async () => {
    const { client, clock, gateway } = await attached({ lifeMs: 5000 })
    answers(gateway, ['later'])
    const sent = sendAll(client, ['m1'])
    await clock.advance(0)
    gateway.dialFault = new TypeError('down')
    gateway.link.pair.cut('both')
    await clock.advance(10)
    sent.push(...sendAll(client, ['m2']))
    await clock.advance(4000)
    expect(statuses(sent)).toEqual([undefined, undefined])
    await clock.advance(2000)
    expect(statuses(sent)).toEqual(['unknown-outcome', 'link-lost'])
    gateway.dialFault = undefined
    await clock.advance(60_000)
    expect(client.state).toBe('attached')
    expect(gateway.asked('message').length).toBe(1)
  })

  test('a gateway that does not answer within 30 s leaves the outcome unknown', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const sent = sendAll(client, ['m1'])
    await clock.advance(33_000)
    expect(statuses(sent)).toEqual(['unknown-outcome'])
    expect(client.state).toBe('attached')
  })

  test('nothing is called settled while somebody may ask what became of a message', async () => {
    const { client, clock, gateway } = await attached({ repeat: false })
    answers(gateway, ['unknown-outcome'])
    const [doubtful] = sendAll(client, ['m1'])
    await clock.advance(0)
    const settledNow = async (): Promise<number | undefined> => {
      sendAll(client, ['x'])
      await clock.advance(0)
      sendAll(client, ['x'])
      await clock.advance(0)
      return gateway.asked('message').at(-1)?.settled
    }
    expect(await settledNow()).toBe(0)
    void client.send({ to: bob, body: 'm1', id: doubtful?.value()?.id })
    await clock.advance(0)
    expect(await settledNow()).toBeGreaterThan(0)
  })

  test('after a quarter of an hour nobody asks any more', async () => {
    const { client, clock, gateway } = await attached({ repeat: false })
    answers(gateway, ['unknown-outcome'])
    sendAll(client, ['m1'])
    await clock.advance(15 * 60_000 + 1)
    sendAll(client, ['m2'])
    await clock.advance(0)
    sendAll(client, ['m3'])
    await clock.advance(0)
    expect(gateway.asked('message').at(-1)?.settled).toBe(1)
  })
})

describe('whatever the gateway does', () => {
  test.for(Array.from({ length: 40 }, (_, i) => i))(
    'messages arrive once and in order (seed %i)',
    { timeout: 20_000 },
    async (seed) => {
      const random = seededRandom(seed)
      const { client, clock, gateway } = await attached({ lifeMs: 600_000, random })
      const lane = new LaneGate()
      const taken: string[] = []
      const known = new Map<string, Status>()
      const open: Recorded[] = []
      gateway.reply = (message) => {
        const id = message.fields.get(fields.id.tag)?.toString('hex') ?? ''
        const inOrder = lane.take(message)
        if (known.has(id)) return { status: 'delivered' }
        if (!inOrder) return { status: 'order' }
        if (random.number() < 0.1) {
          lane.goBack(message)
          return { status: 'unknown-outcome' }
        }
        known.set(id, 'delivered')
        taken.push(message.body)
        if (random.number() < 0.5) return { status: 'delivered' }
        open.push(message)
        return 'later'
      }
      const sent = []
      for (let i = 0; i < 150; i++) {
        sent.push(watched(client.send({ to: bob, body: `m${i}` })))
        if (random.number() < 0.3) await clock.advance(random.number() * 50)
        if (random.number() < 0.05) gateway.link.pair.cut('both')
        if (random.number() < 0.03) gateway.link.link.release('shutdown')
        while (open.length > 0 && random.number() < 0.5) {
          const at = Math.floor(random.number() * open.length)
          const [message] = open.splice(at, 1)
          if (message !== undefined) gateway.answer(message, { status: 'delivered' })
        }
      }
      for (let i = 0; i < 200 && statuses(sent).includes(undefined); i++) {
        await clock.advance(1000)
        for (const message of open.splice(0)) gateway.answer(message, { status: 'delivered' })
      }
      expect(new Set(statuses(sent))).toEqual(new Set(['delivered']))
      expect(taken).toEqual(Array.from({ length: 150 }, (_, i) => `m${i}`))
    },
  )
})
