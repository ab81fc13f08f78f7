/** [LINK-4.3-2] [LINK-6.5-3] How the outcome of a call stands on the wire, and that it does so once. */
import { describe, expect, test } from 'vitest'
import type { RequestView } from '../../../src/link/link.ts'
import {
  answered,
  type Call,
  later,
  type Outcome,
  outcomeOf,
  type Rest,
} from '../../../src/operation/call.ts'
import { Attached } from '../../../src/peer/callers.ts'
import { Incoming, IssueCall } from '../../../src/peer/incoming.ts'
import type { Session } from '../../../src/peer/session.ts'
import { type CommandName, commands, fields } from '../../../src/wire/registry.ts'
import { bob, domain } from '../../support/middle/calls.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { openProven } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'

const { tag } = wire
const subscription = Buffer.from('sixteen letters!')
const issue = { kind: 'issue', user: bob, key: '' } as const

/** A request of the far side, of which a test has the call. */
async function asked(name: CommandName = 'message', make?: () => Outcome) {
  const env = roomEnv()
  let call: Call | undefined
  const request = (session: Session, view: RequestView): undefined => {
    const caller = new Attached(bob)
    call =
      make === undefined
        ? new Incoming(session, view, caller, issue, name === 'notify' ? subscription : undefined)
        : new IssueCall(session, view, caller, issue, make)
  }
  const { far, session } = await openProven(env, { local: 'x.example', rooms: { request } })
  const id = far.ask(wire.im, { command: commands[name].number })
  await env.clock.advance(0)
  const answer = async (outcome: Outcome) => {
    call?.answer(outcome)
    await env.clock.advance(0)
    const { status = 0, fields: list = new Map(), body = Buffer.alloc(0) } = far.answer(id) ?? {}
    const text = (number: number) => list.get(number)?.toString('latin1')
    return {
      ...{ status: far.status(id), number: status, tags: [...list.keys()], text },
      ...{ body: body.toString(), wait: list.get(tag.retryAfter)?.readUInt32BE() },
    }
  }
  return { env, far, session, id, answer, call: () => call as Call }
}

const seconds = (...values: readonly number[]): string => wire.u32(...values).toString('latin1')

describe('a success', () => {
  test('is a status and nothing else', async () => {
    const { answer } = await asked()
    expect(await answer(outcomeOf('delivered'))).toMatchObject({ status: 'delivered', tags: [] })
  })

  test.each([
    ['a lease', { leaseSeconds: 60 }, tag.lease, seconds(60)],
    ['leases', { leases: [60, 0] }, tag.leases, seconds(60, 0)],
    ['a token', { token: 'a.b.c' }, tag.token, 'a.b.c'],
  ] as const)('tells %s', async (_, what, number, text) => {
    const { answer } = await asked()
    const said = await answer(answered('ok', what))
    expect([said.status, said.tags, said.text(number)]).toEqual(['ok', [number], text])
  })

  test('tells presence as a body, with its version', async () => {
    const { answer } = await asked('fetch')
    const presence = { document: Buffer.from('{"tuples":{}}'), version: { epoch: 3, seq: 8 } }
    const said = await answer(answered('ok', { presence }))
    expect([said.body, said.text(tag.version)]).toEqual(['{"tuples":{}}', seconds(3, 8)])
  })

  test('that tells nothing is an empty one', async () => {
    const { answer } = await asked('fetch')
    expect(await answer(answered('ok', {}))).toMatchObject({ status: 'ok', tags: [], body: '' })
  })

  test('[LINK-6.13-6] of a NOTIFY is told to nobody, and its credit comes back', async () => {
    const { answer, session } = await asked('notify')
    expect(session.link.underWay).toBe(1)
    expect((await answer(outcomeOf('ok'))).status).toBe('no answer')
    expect(session.link.underWay).toBe(0)
  })
})

describe('a failure that is found here', () => {
  test('tells who found it, where, and how long to wait', async () => {
    const { answer } = await asked()
    const said = await answer(later('busy', 1500))
    expect([said.status, said.text(tag.reporter), said.text(tag.stage), said.wait]).toEqual([
      'busy',
      'b.example',
      'capacity',
      1500,
    ])
  })

  test('tells another one who found it', async () => {
    const { answer } = await asked()
    const said = await answer({ ...later('refused', -1), reporter: domain('z.example') })
    expect([said.text(tag.reporter), said.wait]).toEqual(['z.example', undefined])
  })

  test('of a lease that is too short tells the shortest', async () => {
    const { answer } = await asked('subscribe')
    const said = await answer(answered('lease-too-short', { leaseSeconds: 30 }))
    expect([said.status, said.text(tag.lease)]).toEqual(['lease-too-short', seconds(30)])
  })

  test('of a NOTIFY names the subscription', async () => {
    const { answer } = await asked('notify')
    const said = await answer(outcomeOf('lease-unknown'))
    expect(said.text(tag.subscription)).toBe(subscription.toString())
  })

  test('that stays inside is told as a fault', async () => {
    const { answer } = await asked()
    expect((await answer(outcomeOf('link-lost'))).status).toBe('internal')
  })
})

describe('[LINK-4.1-6] what the next hop answered', () => {
  const said = wire.fields([
    [tag.reporter, 'z.example'],
    [tag.stage, 'capacity'],
    [0x60, 'unread'],
  ])
  const around = Buffer.from('another frame')
  const rest: Rest = {
    buffer: Buffer.concat([around, said, Buffer.from('a body'), around]),
    fieldsAt: around.length,
    bodyAt: around.length + said.length,
    end: around.length + said.length + 6,
  }

  test('travels on unchanged, behind the wait of this hop', async () => {
    const { answer } = await asked()
    const told = await answer({ ...later('inbox-full', 90), rest })
    expect([told.status, told.wait, told.body]).toEqual(['inbox-full', 90, 'a body'])
    expect(told.tags).toEqual([tag.retryAfter, tag.reporter, tag.stage, 0x60])
    expect(told.text(tag.reporter)).toBe('z.example')
  })

  test('travels on without a wait, and with a success', async () => {
    const { answer } = await asked()
    const told = await answer({ ...outcomeOf('stored'), rest })
    expect([told.status, told.tags]).toEqual(['stored', [tag.reporter, tag.stage, 0x60]])
  })
})

describe('the handle of a call', () => {
  test('answers once: a second answer is a fault of this program, and is not sent', async () => {
    const { answer, far, call } = await asked()
    await answer(outcomeOf('delivered'))
    expect(() => call().answer(outcomeOf('refused'))).toThrow('request.answered-twice')
    expect(() => call().answer(outcomeOf('delivered'))).toThrow('"command":"message"')
    expect(far.answers).toHaveLength(1)
  })

  test('tells nobody once the link has ended', async () => {
    const { answer, far, session } = await asked()
    session.link.break('internal', 'the end')
    expect((await answer(outcomeOf('delivered'))).status).toBe('no answer')
    expect(far.answers).toEqual([])
  })

  test('may make another answer of a success, and of nothing else', async () => {
    const make = (): Outcome => answered('ok', { token: 'made here' })
    const [granted, refused] = [await asked('issue', make), await asked('issue', make)]
    expect((await granted.answer(outcomeOf('ok'))).text(fields.token.tag)).toBe('made here')
    expect(await refused.answer(outcomeOf('refused'))).toMatchObject({
      ...{ status: 'refused', tags: [tag.reporter, tag.stage] },
    })
  })
})
