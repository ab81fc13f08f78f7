/** Requests by their grammar: what each becomes, and what says no before anybody hears of it. */
import { describe, expect, test } from 'vitest'
import { generateKeyPair, type PublicKey } from '../../../src/credential/ed25519.ts'
import type { RequestView } from '../../../src/link/link.ts'
import { answered, outcomeOf } from '../../../src/operation/call.ts'
import type { Message } from '../../../src/operation/message.ts'
import type { Operation } from '../../../src/operation/operation.ts'
import { commandTable } from '../../../src/peer/command-table.ts'
import { Requests } from '../../../src/peer/requests.ts'
import type { Session } from '../../../src/peer/session.ts'
import { AttachedSession } from '../../../src/peer/user-session.ts'
import { type CommandName, commandOf, commands } from '../../../src/wire/registry.ts'
import { alice, bob, carol } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { textOf } from '../../support/middle/messages.ts'
import { hold, hostedBy, TestCore } from '../../support/middle/peer-rooms.ts'
import { openProven, type TestSession } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const { tag } = wire
const id16 = 'sixteen letters!'
const id = Buffer.from(id16)
const lease = (seconds: number) => [tag.lease, seconds] as const

function makeRequests() {
  const env = roomEnv({ messageBytes: 100 })
  const core = new TestCore()
  const requests = new Requests(env, () => core, hostedBy('b.example', 'b2.example'))
  const table = commandTable({ requests } as Parameters<typeof commandTable>[0])
  const request = (session: Session, view: RequestView): undefined => {
    const name = commandOf(view.command) as CommandName
    table[name]?.take(session, view, session.held.get(view.reference))
  }
  const key: PublicKey = generateKeyPair(seededRandom(3)).publicKey
  /** A link of a.example, on which it holds a credential of alice under number 1. */
  const fromPeer = async (): Promise<TestSession> => {
    const link = await openProven(env, { rooms: { request } })
    hold(link.session, 1)
    return link
  }
  /** A link on which bob is attached. */
  const fromBob = async (): Promise<TestSession> => {
    const link = await openProven(env, { role: 'client', rooms: { request } })
    link.session.attachment = new AttachedSession(link.session, bob, { n: 0 })
    link.session.userKey = key
    link.session.standing = 'proven'
    return link
  }
  /** What was said of it, and what became of it. */
  const ask = async (
    { far }: TestSession,
    name: CommandName,
    fields: wire.FieldList,
    more: Omit<wire.RequestShape, 'command' | 'fields'> = {},
  ) => {
    const before = core.calls.length
    const { number, trafficClass } = commands[name]
    const asked = far.ask(trafficClass << 4, { command: number, fields, ...more })
    await env.clock.advance(0)
    const call = core.calls[before]
    return { status: far.status(asked), call, operation: call?.operation, id: asked }
  }
  const malformed = () => env.meter.total('checks_refused_total', { check: 'syntax' })
  return { env, core, key, fromPeer, fromBob, ask, malformed }
}

/** The operation of another domain, with the credential of alice. */
async function asked(name: CommandName, fields: wire.FieldList, body?: string) {
  const room = makeRequests()
  const link = await room.fromPeer()
  const more = { reference: 1, hops: 2, ...(body === undefined ? {} : { body: Buffer.from(body) }) }
  return room.ask(link, name, fields, more)
}

const lane = [tag.lane, wire.u32(5, 7)] as const
const to = [tag.to, bob.text] as const
const subscription = [tag.subscription, id] as const

describe('[LINK-6.7-1] MESSAGE', () => {
  test('becomes a message with its place, one hop more, and the bytes as they came', async () => {
    const room = makeRequests()
    const link = await room.fromPeer()
    const list: wire.FieldList = [lane, [tag.settled, 6], to, [tag.id, id], [0x60, 'unread']]
    const { operation, status } = await room.ask(link, 'message', list, {
      ...{ reference: 1, hops: 2, body: Buffer.from('Hello') },
    })
    const message = operation as Message
    expect(status).toBe('no answer')
    expect([message.from, message.to.text, message.hops]).toEqual([alice, bob.text, 3])
    expect(message.place).toEqual({ epoch: 5, sequence: 7, settled: 6 })
    expect(textOf(message)).toBe('Hello')
    const { buffer, idAt, fieldsAt, bodyAt, unknownField } = message
    expect(buffer.toString('latin1', idAt, idAt + 16)).toBe(id16)
    const kept = wire.readFields(buffer.subarray(fieldsAt, bodyAt))
    expect([...kept.keys()]).toEqual([tag.to, tag.id, 0x60])
    expect(unknownField).toBe(0)
  })

  test('tells of an odd field that only its last receiver has to understand', async () => {
    const { operation } = await asked('message', [lane, to, [tag.id, id], [0x61, 'what']])
    expect((operation as Message).unknownField).toBe(0x61)
  })

  test('of a user of ours needs no place, and is in the name of the user', async () => {
    const room = makeRequests()
    const link = await room.fromBob()
    const { call, operation } = await room.ask(link, 'message', [
      [tag.to, alice.text],
      [tag.id, id],
    ])
    expect((operation as Message).place.sequence).toBe(0)
    expect(call?.caller).toMatchObject({ door: 'user', user: bob, domain: bob.domain })
  })

  test.each([
    ['without an id', [lane, to], 'bad-request'],
    ['with half an id', [lane, to, [tag.id, id.subarray(8)]], 'bad-request'],
    ['to nobody', [lane, [tag.id, id]], 'bad-address'],
    ['to what is no address', [lane, [tag.to, 'bob'], [tag.id, id]], 'bad-address'],
    ['[LINK-6.7-4] without a place', [to, [tag.id, id]], 'bad-request'],
    ['with half a place', [[tag.lane, wire.u32(5)], to, [tag.id, id]], 'bad-request'],
    ['[LINK-6.7-2] with a sender', [lane, [tag.from, alice.text], to, [tag.id, id]], 'bad-request'],
    ['of a type that is none', [lane, to, [tag.id, id], [tag.contentType, '']], 'bad-request'],
  ] as const)('%s breaks its grammar, and is counted so', async (_, list, status) => {
    const room = makeRequests()
    const found = await room.ask(await room.fromPeer(), 'message', list, { reference: 1 })
    expect([found.status, found.call, room.malformed()]).toEqual([status, undefined, 1])
    expect(room.env.meter.total('checks_total', { check: 'syntax' })).toBe(1)
  })

  test('of a domain itself has no sender', async () => {
    const room = makeRequests()
    const list = [lane, to, [tag.id, id]] as const
    const found = await room.ask(await room.fromPeer(), 'message', list)
    expect([found.status, room.malformed()]).toEqual(['credential-missing', 0])
  })

  test('over the limit is too large, whoever sends it', async () => {
    const long = 'x'.repeat(101)
    expect((await asked('message', [lane, to, [tag.id, id]], long)).status).toBe('too-large')
    expect((await asked('message', [lane, to, [tag.id, id]], 'x'.repeat(100))).status).toBe(
      'no answer',
    )
  })
})

describe('[LINK-6.8-1] PUBLISH', () => {
  const publish = async (fields: wire.FieldList, body = '') => {
    const room = makeRequests()
    const found = await room.ask(await room.fromBob(), 'publish', fields, {
      body: Buffer.from(body),
    })
    return { ...found, operation: found.operation as Operation | undefined }
  }

  test.each([
    [
      'creates',
      [[tag.entityTag, id]],
      '{}',
      { entityTag: id16, ifMatch: undefined, leaseSeconds: undefined, document: Buffer.from('{}') },
    ],
    [
      'refreshes',
      [lease(60), [tag.ifMatch, id]],
      '',
      { entityTag: undefined, ifMatch: id16, leaseSeconds: 60, document: undefined },
    ],
    [
      'removes',
      [lease(0), [tag.ifMatch, id]],
      '',
      { entityTag: undefined, ifMatch: id16, leaseSeconds: 0, document: undefined },
    ],
  ] as const)('%s what the user itself tells', async (_, fields, body, rest) => {
    const { operation, call } = await publish(fields, body)
    expect(operation).toEqual({
      ...{ kind: 'publish', publisher: bob, presentity: bob, hops: 1 },
      ...rest,
    })
    expect(call?.caller.user).toBe(bob)
  })

  test('may name somebody else, which others judge', async () => {
    const { operation } = await publish([[tag.to, carol.text]])
    expect(operation).toMatchObject({ publisher: bob, presentity: { text: carol.text } })
  })

  test.each([
    ['with half a tag', [[tag.entityTag, 'short']], 'bad-request'],
    ['for what is no address', [[tag.to, 'carol']], 'bad-address'],
    ['with a sender', [[tag.from, bob.text]], 'bad-request'],
  ] as const)('%s is refused', async (_, fields, status) => {
    expect(await publish(fields)).toMatchObject({ status, call: undefined })
  })

  test('[LINK-6.8-2] is for users at their own gateway', async () => {
    expect(await asked('publish', [[tag.entityTag, id]], '{}')).toMatchObject({
      ...{ status: 'credential-scope', call: undefined },
    })
    const room = makeRequests()
    const found = await room.ask(await room.fromPeer(), 'publish', [[tag.entityTag, id]])
    expect(found.status).toBe('credential-scope')
  })
})

describe('[LINK-6.9-1] FETCH', () => {
  test('keeps its end-to-end fields, to be passed on', async () => {
    const list = [[tag.answerCredit, 99], to, [0x60, 'unread']] as const
    const { operation } = await asked('fetch', list)
    expect(operation).toEqual({
      ...{ kind: 'fetch', watcher: alice, hops: 3, unknownField: 0 },
      presentity: expect.objectContaining({ text: bob.text }),
      fields: wire.fields([to, [0x60, 'unread']]),
    })
  })

  test.each([
    ['nobody', [], 1, 'bad-address'],
    ['somebody, with a sender', [[tag.from, alice.text], to], 1, 'bad-request'],
    ['somebody, by a domain itself', [to], 0, 'credential-missing'],
  ] as const)('of %s is refused', async (_, list, reference, status) => {
    const room = makeRequests()
    const found = await room.ask(await room.fromPeer(), 'fetch', list, { reference })
    expect([found.status, found.call]).toEqual([status, undefined])
  })
})

describe.each(['subscribe', 'unsubscribe'] as const)('[LINK-6.10-1] [LINK-6.12-1] %s', (kind) => {
  test('names the subscription, the presentity, and who watches', async () => {
    const { operation } = await asked(kind, [to, subscription, lease(90)])
    expect(operation).toEqual({
      ...{ kind, id: id16, watcher: alice, leaseSeconds: 90, hops: 3 },
      presentity: expect.objectContaining({ text: bob.text }),
    })
  })

  test('wants as long as the presentity likes, if it says nothing', async () => {
    const { operation } = await asked(kind, [to, subscription])
    expect(operation).toMatchObject({ leaseSeconds: undefined })
  })

  test.each([
    ['to nobody', [subscription], 1, 'bad-address'],
    ['without an id', [to], 1, 'bad-request'],
    ['with half an id', [to, [tag.subscription, 'short']], 1, 'bad-request'],
    ['with half a time', [to, subscription, [tag.lease, Buffer.alloc(2)]], 1, 'bad-request'],
    ['with a sender', [[tag.from, alice.text], to, subscription], 1, 'bad-request'],
    ['by a domain itself', [to, subscription], 0, 'credential-missing'],
  ] as const)('%s is refused', async (_, list, reference, status) => {
    const room = makeRequests()
    const found = await room.ask(await room.fromPeer(), kind, list, { reference })
    expect([found.status, found.call]).toEqual([status, undefined])
  })
})

describe('[LINK-6.11-1] RENEW', () => {
  const ids = [tag.subscriptions, Buffer.concat([id, Buffer.from('another sixteen.')])] as const
  const of = (domain: string, audience: string) =>
    [[tag.domain, domain], [tag.audience, audience], ids, lease(60)] as const

  test('of a domain is on its word alone, for its watchers and our presentities', async () => {
    const room = makeRequests()
    const { operation, call } = await room.ask(
      await room.fromPeer(),
      'renew',
      of('a.example', 'b.example'),
    )
    expect(operation).toEqual({
      ...{ kind: 'renew', local: 'a.example', remote: 'b.example', watcher: undefined },
      ...{ ids: [id16, 'another sixteen.'], leaseSeconds: 60 },
    })
    expect(call?.caller).toMatchObject({ door: 'domain', domain: 'a.example', user: undefined })
    expect(call?.caller.may('pres.watch', alice, bob.domain)).toBe('credential-missing')
  })

  test('of a user is for its own', async () => {
    const room = makeRequests()
    const { operation, call } = await room.ask(await room.fromBob(), 'renew', [ids])
    expect(operation).toMatchObject({
      ...{ local: 'b.example', remote: undefined, watcher: bob, leaseSeconds: undefined },
    })
    expect(call?.caller.user).toBe(bob)
  })

  test.each([
    ['of nothing', [[tag.domain, 'a.example']], 'bad-request'],
    ['of half an id', [[tag.subscriptions, 'short']], 'bad-request'],
    ['that names no domain', [ids], 'bad-request'],
    ['of a domain that is not proven here', of('c.example', 'b.example'), 'domain-not-proven'],
    ['for a domain of ours that is not', of('a.example', 'b2.example'), 'domain-not-proven'],
  ] as const)('%s is refused', async (_, list, status) => {
    const room = makeRequests()
    const found = await room.ask(await room.fromPeer(), 'renew', list)
    expect([found.status, found.call]).toEqual([status, undefined])
  })
})

describe('[LINK-6.13-1] NOTIFY', () => {
  const state = (number: number) => [tag.state, Buffer.of(number)] as const
  const version = [tag.version, wire.u32(4, 9)] as const

  test('tells a document with its version, of the one whose credential it is', async () => {
    const { operation } = await asked('notify', [subscription, version, state(1)], '{}')
    expect(operation).toEqual({
      ...{ kind: 'notify', subscription: id16, presentity: alice, audience: 'b.example' },
      notice: {
        ...{ state: 'active', event: undefined },
        presence: { document: Buffer.from('{}'), version: { epoch: 4, seq: 9 } },
      },
    })
  })

  test('tells an end with what led to it', async () => {
    const { operation } = await asked('notify', [subscription, state(3), [tag.event, Buffer.of(5)]])
    expect(operation).toMatchObject({
      notice: { state: 'terminated', event: 'rejected', presence: undefined },
    })
  })

  test.each([
    ['without a subscription', [state(3)], 1, 'bad-request'],
    ['in a state that is none', [subscription, state(9)], 1, 'bad-request'],
    ['of a document without a version', [subscription, state(1)], 1, 'bad-request'],
    ['by a domain itself', [subscription, state(3)], 0, 'credential-missing'],
  ] as const)(
    '%s is refused, with the subscription that it named',
    async (_, list, reference, status) => {
      const room = makeRequests()
      const link = await room.fromPeer()
      const found = await room.ask(link, 'notify', list, { reference })
      expect([found.status, found.call]).toEqual([status, undefined])
      const named = link.far.answer(found.id)?.fields.get(tag.subscription)?.toString()
      expect(named).toBe(list.some(([number]) => number === tag.subscription) ? id16 : undefined)
    },
  )

  test('[LINK-6.13-6] has an answer only if it fails, and that names the subscription', async () => {
    const room = makeRequests()
    const link = await room.fromPeer()
    const list = [subscription, state(3)] as const
    const taken = await room.ask(link, 'notify', list, { reference: 1 })
    taken.call?.answer(outcomeOf('ok'))
    const failed = await room.ask(link, 'notify', list, { reference: 1 })
    failed.call?.answer(outcomeOf('lease-unknown'))
    await room.env.clock.advance(0)
    expect([link.far.status(taken.id), link.far.status(failed.id)]).toEqual([
      'no answer',
      'lease-unknown',
    ])
    expect(link.far.answer(failed.id)?.fields.get(tag.subscription)?.toString()).toBe(id16)
  })
})

describe('[LINK-6.6-1] ISSUE', () => {
  const issue = async (list: wire.FieldList) => {
    const room = makeRequests()
    const link = await room.fromBob()
    return { room, link, ...(await room.ask(link, 'issue', list)) }
  }
  const wanted = (scope: string, audience = 'z.example') =>
    [
      [tag.audience, audience],
      [tag.scope, scope],
    ] as const

  test('of a user names its key; what is issued is bound to it, and says what is known of the scope', async () => {
    const { room, link, call, operation, id: asked } = await issue(wanted('im.send fly pres.watch'))
    expect(operation).toEqual({ kind: 'issue', user: bob, key: room.key.x })
    call?.answer(outcomeOf('ok'))
    await room.env.clock.advance(0)
    const token = link.far.answer(asked)?.fields.get(tag.token)?.toString()
    const seconds = room.env.limits.credentialSeconds
    expect(token).toBe(
      `${bob.text} to z.example may im.send,pres.watch for ${seconds} with ${room.key.thumbprint}`,
    )
  })

  test.each([
    ['nothing that is known', wanted('fly'), 'ok', 'credential-scope'],
    ['something, and is refused', wanted('im.send'), 'credential-key', 'credential-key'],
  ] as const)('of %s issues nothing', async (_, list, outcome, status) => {
    const { room, link, call, id: asked } = await issue(list)
    call?.answer(outcomeOf(outcome))
    await room.env.clock.advance(0)
    expect(link.far.status(asked)).toBe(status)
    expect(link.far.answer(asked)?.fields.get(tag.token)).toBe(undefined)
  })

  test('is signed when it is granted, not when it is asked for', async () => {
    const { room, link, call, id: asked } = await issue(wanted('im.send'))
    expect(call).toBeDefined()
    call?.answer(answered('ok', { token: 'of somebody else' }))
    await room.env.clock.advance(0)
    expect(link.far.answer(asked)?.fields.get(tag.token)?.toString()).toContain(bob.text)
  })

  test.each([
    ['without a domain', [[tag.scope, 'im.send']]],
    ['for what is no domain', wanted('im.send', 'Z.example')],
  ] as const)('%s is refused', async (_, list) => {
    expect(await issue(list)).toMatchObject({ status: 'bad-request', call: undefined })
  })

  test('is for clients', async () => {
    expect(await asked('issue', wanted('im.send'))).toMatchObject({ status: 'bad-request' })
  })
})
