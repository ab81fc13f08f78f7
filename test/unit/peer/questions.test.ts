import { describe, expect, test } from 'vitest'
import type { Outcome } from '../../../src/operation/call.ts'
import type { Question } from '../../../src/operation/ports.ts'
import type { Fetch, Renew, Subscribe } from '../../../src/operation/presence.ts'
import { Questions } from '../../../src/peer/questions.ts'
import { encodeFields } from '../../../src/wire/fields.ts'
import { commandOf, fields } from '../../../src/wire/registry.ts'
import { bob, TestAsker, zoe } from '../../support/middle/calls.ts'
import { answerOf, TestCarrier, TestPool } from '../../support/middle/carriers.ts'
import { roomEnv } from '../../support/middle/env.ts'
import * as wire from '../../support/script/codec.ts'

const id = 'sixteen letters!'

const subscribe = (leaseSeconds: number | undefined = 60): Subscribe => ({
  ...{ kind: 'subscribe', id, watcher: bob, presentity: zoe, leaseSeconds, hops: 2 },
})
const unsubscribe: Subscribe = { ...subscribe(), kind: 'unsubscribe' }
const fetch: Fetch = {
  ...{ kind: 'fetch', watcher: bob, presentity: zoe, hops: 3, unknownField: 0 },
  fields: encodeFields([
    [fields.to.tag, zoe.text],
    [0x60, 'of somebody else'],
  ]),
}
const renew: Renew = {
  ...{ kind: 'renew', local: bob.domain, remote: zoe.domain, watcher: undefined },
  ...{ ids: [id], leaseSeconds: 600 },
}

function makeQuestions() {
  const env = roomEnv()
  const { limits } = env
  const pool = new TestPool()
  const carrier = new TestCarrier()
  pool.carrier = carrier
  const questions = new Questions(env, pool)
  const asker = new TestAsker<Question>()
  const ask = (operation: Question): undefined => questions.ask(operation, asker)
  const outcome = (): Outcome | undefined => asker.told.at(-1)?.outcome
  return { pool, carrier, ask, asker, outcome, limits }
}

/** What a request says on the wire, as the page has it. */
function written(carrier: TestCarrier, at = 0) {
  const request = carrier.given[at]
  if (request === undefined) throw new Error('nothing was asked')
  const { command, hops, reference, user, buffer, fieldsAt, bodyAt } = request
  const found = wire.readFields(buffer.subarray(fieldsAt, bodyAt))
  const text = Object.fromEntries([...found].map(([tag, value]) => [tag, value.toString('latin1')]))
  return { command: commandOf(command), hops, number: reference?.number, user, fields: text }
}

const seconds = (value: number): string => wire.u32(value).toString('latin1')

describe('a question to another domain', () => {
  test.each([
    [
      'SUBSCRIBE',
      subscribe(),
      { command: 'subscribe', hops: 2, number: 1, user: bob.text },
      { [wire.tag.to]: zoe.text, [wire.tag.subscription]: id, [wire.tag.lease]: seconds(60) },
    ],
    [
      'SUBSCRIBE for as long as the far side likes',
      { ...subscribe(), leaseSeconds: undefined },
      { command: 'subscribe', hops: 2, number: 1, user: bob.text },
      { [wire.tag.to]: zoe.text, [wire.tag.subscription]: id },
    ],
    [
      'UNSUBSCRIBE',
      unsubscribe,
      { command: 'unsubscribe', hops: 2, number: 1, user: bob.text },
      { [wire.tag.to]: zoe.text, [wire.tag.subscription]: id },
    ],
    [
      '[LINK-4.1-6] FETCH, whose fields travel unchanged',
      fetch,
      { command: 'fetch', hops: 3, number: 1, user: bob.text },
      { [wire.tag.to]: zoe.text, 96: 'of somebody else' },
    ],
    [
      '[LINK-6.11-1] RENEW, on the word of our domain alone',
      renew,
      { command: 'renew', hops: 0, number: undefined, user: '' },
      {
        ...{ [wire.tag.domain]: bob.domain, [wire.tag.audience]: zoe.domain },
        ...{ [wire.tag.subscriptions]: id, [wire.tag.lease]: seconds(600) },
      },
    ],
  ] as const)('%s', (_, operation, head, list) => {
    const { ask, carrier, pool } = makeQuestions()
    ask(operation)
    expect(pool.asked).toEqual(['b.example z.example pres'])
    expect(written(carrier)).toEqual({ ...head, fields: list })
  })

  test('grants the bytes of one document to a FETCH, and nothing to others', () => {
    const { ask, carrier, limits } = makeQuestions()
    for (const operation of [fetch, subscribe(), renew]) ask(operation)
    expect(carrier.given.map(({ answerCredit }) => answerCredit)).toEqual([
      limits.presenceBytes,
      0,
      0,
    ])
  })

  test('waits for a link, and is made for the one that comes', () => {
    const { ask, carrier, pool } = makeQuestions()
    pool.carrier = undefined
    ask(subscribe())
    ask(renew)
    expect(pool.waiting.map(({ request }) => request.reference)).toEqual([undefined, undefined])
    pool.bring(carrier)
    expect([written(carrier).number, written(carrier, 1).number]).toEqual([1, undefined])
  })
})

describe('its answer', () => {
  test('of SUBSCRIBE and UNSUBSCRIBE tells the lease that was granted; none is 0', () => {
    const { ask, carrier, outcome } = makeQuestions()
    ask(subscribe())
    carrier.given[0]?.answered(answerOf('ok', { fields: [[fields.lease.tag, 40]] }))
    expect([outcome()?.status, outcome()?.answer]).toEqual(['ok', { leaseSeconds: 40 }])
    ask(unsubscribe)
    carrier.given[1]?.answered(answerOf('ok'))
    expect(outcome()?.answer).toEqual({ leaseSeconds: 0 })
  })

  test('of FETCH tells the document with its version; without a version there is none', () => {
    const { ask, carrier, outcome } = makeQuestions()
    ask(fetch)
    const version = wire.u32(7, 3)
    const list = [[fields.version.tag, version]] as const
    carrier.given[0]?.answered(answerOf('ok', { fields: list, body: '{}' }))
    const { presence } = outcome()?.answer ?? {}
    expect([presence?.document.toString(), presence?.version]).toEqual(['{}', { epoch: 7, seq: 3 }])
    ask({ ...fetch })
    carrier.given[1]?.answered(answerOf('ok', { body: '{}' }))
    expect(outcome()?.answer).toEqual({})
  })

  test('of RENEW tells the leases in the order of the ids', () => {
    const { ask, carrier, outcome } = makeQuestions()
    ask(renew)
    const list = [[fields.leases.tag, wire.u32(600, 0)]] as const
    carrier.given[0]?.answered(answerOf('ok', { fields: list }))
    expect(outcome()?.answer).toEqual({ leases: [600, 0] })
  })

  test('is passed on as it came, with what else it says', () => {
    const { ask, carrier, outcome } = makeQuestions()
    ask(subscribe())
    const said = answerOf('refused', { retryAfterMs: 900, fields: [[0x28, 'z.example']] })
    carrier.given[0]?.answered(said)
    const { status, retryAfterMs, rest } = outcome() ?? {}
    expect([status, retryAfterMs]).toEqual(['refused', 900])
    const { buffer, fieldsAt, bodyAt, end } = said
    expect(rest).toEqual({ buffer, fieldsAt, bodyAt, end })
  })

  test.each([
    ['link-lost', 'remote-unreachable'],
    ['identity-mismatch', 'remote-untrusted'],
    ['dns-failed', 'dns-failed'],
    ['remote-timeout', 'remote-timeout'],
  ] as const)('that never comes (%s) is told as %s', (code, status) => {
    const { ask, carrier, outcome, pool } = makeQuestions()
    ask(subscribe())
    carrier.given[0]?.failed(code, true)
    expect(outcome()?.status).toBe(status)
    pool.carrier = undefined
    ask(renew)
    pool.fail(code)
    expect(outcome()?.status).toBe(status)
  })
})

describe('[LINK-6.3-5] a far side that does not hold the credential', () => {
  test('is shown it again, and asked once more', () => {
    const { ask, carrier, asker } = makeQuestions()
    ask(subscribe())
    carrier.given[0]?.answered(answerOf('credential-ref-unknown'))
    expect([carrier.again, asker.told]).toEqual([[1], []])
    expect(written(carrier, 1)).toEqual({ ...written(carrier, 0), number: 2 })
    carrier.given[1]?.answered(answerOf('ok'))
    expect(asker.statuses).toEqual(['ok'])
  })

  test('that says so twice is believed', () => {
    const { ask, carrier, asker } = makeQuestions()
    ask(fetch)
    for (const at of [0, 1]) carrier.given[at]?.answered(answerOf('credential-ref-unknown'))
    expect([asker.statuses, carrier.given.length]).toEqual([['credential-ref-unknown'], 2])
  })

  test('is not asked twice on the word of the domain, which shows none', () => {
    const { ask, carrier, asker } = makeQuestions()
    ask(renew)
    carrier.given[0]?.answered(answerOf('credential-ref-unknown'))
    expect([asker.statuses, carrier.again]).toEqual([['credential-ref-unknown'], []])
  })
})
