/** One attachment of a user of ours: what it is given goes by the link of its client. */
import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../src/limits.ts'
import type { Message } from '../../../src/operation/message.ts'
import type { Notice } from '../../../src/operation/presence.ts'
import { AttachedSession } from '../../../src/peer/user-session.ts'
import { alice, bob, TestAsker } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { makeMessage } from '../../support/middle/messages.ts'
import { openProven } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'

const { tag, command } = wire

async function attached(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const link = await openProven(env, { role: 'client', remote: 'b.example' })
  const shown = { n: 0 }
  const session = new AttachedSession(link.session, bob, shown)
  const asker = new TestAsker<Message>()
  const deliver = async (message = makeMessage()) => {
    session.deliver(message, asker)
    await env.clock.advance(0)
    return message
  }
  return { env, ...link, attachment: session, asker, shown, deliver }
}

describe('a message for the user', () => {
  test('is a MESSAGE with its sender, and its bytes as they came', async () => {
    const { far, deliver } = await attached()
    const message = await deliver()
    const [request] = far.requestsOf(command.message)
    expect(request).toMatchObject({ hops: message.hops, reference: 0, trafficClass: 1 })
    expect(request?.fields.get(tag.from)?.toString()).toBe(alice.text)
    expect(request?.fields.get(tag.to)?.toString()).toBe(bob.text)
    expect([request?.fields.has(tag.lane), request?.body.toString()]).toEqual([false, 'hello'])
  })

  test.each([
    ['ok', 'delivered'],
    ['delivered', 'delivered'],
    ['refused', 'refused'],
    ['busy', 'busy'],
  ] as const)('[LINK-6.7-14] that the client answers with %s ends %s', async (answer, status) => {
    const { env, far, deliver, asker } = await attached()
    await deliver()
    far.respond(far.requestsOf(command.message)[0]?.id ?? 0, answer)
    await env.clock.advance(0)
    expect(asker.statuses).toEqual([status])
  })

  test('[LINK-6.7-12] that was written when the link was lost is unknown', async () => {
    const { env, pair, deliver, asker } = await attached()
    await deliver()
    pair.cut('both')
    await env.clock.advance(0)
    expect(asker.statuses).toEqual(['unknown-outcome'])
  })

  test('that was not written finds nobody', async () => {
    const { session, deliver, asker } = await attached()
    session.link.release('idle-release')
    await deliver()
    expect(asker.statuses).toEqual(['inbox-closed'])
  })

  test('for which there is no room is to come again', async () => {
    const { deliver, asker, session } = await attached({ waitingOutBytes: 10 })
    // Sixteen are the credit of a new link, and one waits.
    for (let n = 0; n < 18; n++) await deliver(makeMessage({ text: `${n}` }))
    expect(asker.statuses).toEqual(['busy'])
    session.link.break('internal', 'the end')
  })
})

describe('[LINK-6.13-8] a notification for the user', () => {
  const active: Notice = {
    ...{ state: 'active', event: undefined },
    presence: { document: Buffer.from('{}'), version: { epoch: 2, seq: 5 } },
  }

  test('is a NOTIFY of the presentity, and is counted', async () => {
    const { env, far, attachment, shown } = await attached()
    attachment.notify('sixteen letters!', alice, active)
    await env.clock.advance(0)
    const [request] = far.requestsOf(command.notify)
    const text = (number: number) => request?.fields.get(number)?.toString('latin1')
    expect([text(tag.from), text(tag.subscription), request?.body.toString()]).toEqual([
      alice.text,
      'sixteen letters!',
      '{}',
    ])
    expect(request?.fields.get(tag.version)).toEqual(wire.u32(2, 5))
    expect([shown.n, request?.reference, request?.hops]).toEqual([1, 0, 2])
  })

  test('of an end has no document', async () => {
    const { env, far, attachment } = await attached()
    const over: Notice = { state: 'terminated', event: 'timeout', presence: undefined }
    attachment.notify('sixteen letters!', alice, over)
    await env.clock.advance(0)
    const [request] = far.requestsOf(command.notify)
    expect([
      ...(request?.fields.get(tag.state) ?? []),
      ...(request?.fields.get(tag.event) ?? []),
    ]).toEqual([3, 6])
    expect([request?.fields.has(tag.version), request?.body.length]).toEqual([false, 0])
  })

  const changed = (seq: number): Notice => ({
    ...active,
    presence: { document: Buffer.from(`{"n":${seq}}`), version: { epoch: 2, seq } },
  })

  test('[LINK-8.1-3] that waits for its turn tells the last value, however often it changes', async () => {
    const { env, far, attachment, ended } = await attached({ waitingOutBytes: 2000 })
    // What a new link has credit for, then more than there is room for.
    for (let n = 1; n <= 16; n++) attachment.notify(`${n}`.padEnd(16), alice, active)
    for (let seq = 6; seq < 1000; seq++) {
      const notice = changed(seq)
      attachment.notify('sixteen letters!', alice, notice)
      // It is lent.
      notice.presence?.document.fill(0)
    }
    attachment.notify('another of these', bob, changed(7))
    await env.clock.advance(0)
    expect(far.requestsOf(command.notify).length).toBe(16)
    far.grant(2, 16, 65_536)
    await env.clock.advance(0)
    const late = far.requestsOf(command.notify).slice(16)
    expect(late.map(({ body }) => body.toString())).toEqual(['{"n":999}', '{"n":7}'])
    expect(late[0]?.fields.get(tag.version)).toEqual(wire.u32(2, 999))
    expect(ended()).toBeUndefined()
    attachment.notify('sixteen letters!', alice, changed(1000))
    await env.clock.advance(0)
    expect(far.requestsOf(command.notify).length).toBe(19)
  })

  test('that finds no room ends the session: it is told what holds when it comes back', async () => {
    const { attachment, ended } = await attached({ waitingOutBytes: 10 })
    for (let n = 0; n < 17; n++) attachment.notify(`${n}`.padEnd(16), alice, active)
    expect(ended()).toBe('slow-reader')
  })
})
