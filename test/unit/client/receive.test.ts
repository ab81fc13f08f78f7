import { describe, expect, test } from 'vitest'
import type { ReceivedMessage } from '../../../src/client/incoming.ts'
import { Recent } from '../../../src/client/recent.ts'
import { encodeMessage } from '../../../src/command/message.ts'
import { GatewayError, type Status } from '../../../src/errors.ts'
import { fields } from '../../../src/wire/registry.ts'
import type { Delivery } from '../../support/scripted-gateway.ts'
import { alice, attached, bob } from './support.ts'

const id = '0f0e0d0c0b0a09080706050403020100'
const hello: Delivery = { from: bob, to: alice, id, body: 'hello' }

/** A client with this handler, and the statuses that it answered to messages. */
async function receiver(onMessage: (message: ReceivedMessage) => unknown) {
  const events: string[] = []
  const note = (event: string): undefined => void events.push(event) as undefined
  const log = { debug: note, info: note, warn: note, error: note }
  const set = await attached({ onMessage, log })
  const answered: (Status | undefined)[] = []
  const deliver = (message: Partial<Delivery> = {}): undefined =>
    set.gateway.link.deliver({ ...hello, ...message }, (status) => {
      answered.push(status)
    })
  return { ...set, answered, deliver, events }
}

describe('a message', () => {
  test('is shown with its sender and confirmed', async () => {
    const shown: ReceivedMessage[] = []
    const { answered, clock, deliver } = await receiver((message) => shown.push(message))
    deliver({ contentType: 'message/cpim' })
    deliver({ id: 'ff'.repeat(16) })
    await clock.advance(0)
    expect(answered).toEqual(['delivered', 'delivered'])
    expect(shown.map(({ contentType }) => contentType)).toEqual([
      'message/cpim',
      'text/plain;charset=utf-8',
    ])
    expect(shown[0]).toMatchObject({ id, body: Buffer.from('hello') })
    expect(shown[0]?.from.text).toBe(bob)
    expect(shown[0]?.to.text).toBe(alice)
  })

  test('is confirmed when the promise of the handler is kept, not before', async () => {
    const done = Promise.withResolvers<void>()
    const { answered, clock, deliver } = await receiver(() => done.promise)
    deliver()
    await clock.advance(100)
    expect(answered).toEqual([])
    done.resolve()
    await clock.advance(0)
    expect(answered).toEqual(['delivered'])
  })

  test.for([
    ['a program that breaks', () => new TypeError('oops'), 'internal'],
    ['a program that is full', () => new GatewayError('inbox-full', 'full'), 'inbox-full'],
    ['a code that stays inside', () => new GatewayError('usage', 'wrong'), 'internal'],
  ] as const)('is refused by %s, thrown or rejected', async ([, fault, status]) => {
    let calls = 0
    const { answered, clock, deliver, events } = await receiver(() => {
      if (++calls === 1) throw fault()
      return Promise.reject(fault())
    })
    deliver()
    await clock.advance(0)
    deliver()
    await clock.advance(0)
    expect(answered).toEqual([status, status])
    // A refusal that the program chose is no fault of it.
    expect(events.length).toBe(status === 'internal' ? 2 : 0)
    expect(calls).toBe(2)
  })

  test('that comes again is confirmed and not shown again, also on another link', async () => {
    let calls = 0
    const { answered, clock, deliver, gateway } = await receiver(() => calls++)
    deliver()
    await clock.advance(0)
    deliver()
    await clock.advance(0)
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    deliver()
    await clock.advance(0)
    expect(answered).toEqual(['delivered', 'delivered', 'delivered'])
    expect(calls).toBe(1)
  })

  test('of another sender may have the same id', async () => {
    let calls = 0
    const { clock, deliver } = await receiver(() => calls++)
    deliver()
    deliver({ from: 'carol@b.example' })
    await clock.advance(0)
    expect(calls).toBe(2)
  })

  test('that comes again while it is shown shares the answer', async () => {
    const done = Promise.withResolvers<void>()
    let calls = 0
    const { answered, clock, deliver } = await receiver(() => {
      calls++
      return done.promise
    })
    deliver()
    await clock.advance(0)
    deliver()
    await clock.advance(0)
    done.reject(new GatewayError('inbox-full', 'full'))
    await clock.advance(0)
    expect(answered).toEqual(['inbox-full', 'inbox-full'])
    expect(calls).toBe(1)
  })

  test('is refused for now where nobody takes messages', async () => {
    const { answered, client, clock, deliver } = await receiver(() => undefined)
    client.onMessage(undefined)
    deliver()
    await clock.advance(0)
    expect(answered).toEqual(['inbox-closed'])
  })

  test.for([
    [{ from: '@b.example' }, 'bad-address'],
    [{ from: '' }, 'bad-address'],
    [{ to: 'Alice@a.example' }, 'bad-address'],
    [{ id: '00' }, 'bad-request'],
    [{ contentType: '' }, 'bad-request'],
    [{ contentType: 'text/plain\r\n' }, 'bad-request'],
    [{ extra: [[0xf1, 'must']] }, 'feature-required'],
    [{ extra: [[0xf2, 'may']] }, 'delivered'],
  ] as const)('with %o is answered %s', async ([wrong, status]) => {
    const { answered, clock, deliver } = await receiver(() => undefined)
    deliver(wrong)
    await clock.advance(0)
    expect(answered).toEqual([status])
  })
})

describe('the raw road', () => {
  test('sends bytes that are free again at once, and receives without asking twice', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'delivered' })
    const told: [Status, number][] = []
    const from = (character: string, head: Buffer): undefined => {
      const buffer = Buffer.concat([
        Buffer.from('..'),
        head,
        Buffer.from(character),
        Buffer.from('..'),
      ])
      client.raw.send(bob, buffer, 2, 2 + head.length, buffer.length - 2, (status, waitMs) => {
        told.push([status, waitMs])
      })
      buffer.fill(0)
    }
    for (let i = 0; i < 20; i++) {
      from(String.fromCharCode(97 + i), encodeMessage(bob, Buffer.alloc(16, i), 'text/plain'))
    }
    await clock.advance(0)
    expect(
      gateway
        .asked('message')
        .map(({ body }) => body)
        .join(''),
    ).toBe('abcdefghijklmnopqrst')
    expect(gateway.asked('message')[19]?.fields.get(fields.id.tag)).toEqual(Buffer.alloc(16, 19))
    expect(told).toEqual(Array.from({ length: 20 }, () => ['delivered', -1]))
  })

  test('takes messages before the other handler, and answers what it returns', async () => {
    const { answered, client, clock, deliver } = await receiver(() => {
      throw new Error('not asked')
    })
    const seen: string[] = []
    client.raw.onMessage(({ buffer, bodyAt, end, fields: table }) => {
      seen.push(`${table.latin1(fields.from.tag)} ${buffer.toString('latin1', bodyAt, end)}`)
      return seen.length === 1 ? 'stored' : 'inbox-full'
    })
    deliver()
    deliver()
    await clock.advance(0)
    expect(seen).toEqual([`${bob} hello`, `${bob} hello`])
    expect(answered).toEqual(['stored', 'inbox-full'])
    client.raw.onMessage(() => {
      throw new Error('broken')
    })
    deliver()
    await clock.advance(0)
    expect(answered.at(-1)).toBe('internal')
  })
})

describe('other requests of the gateway', () => {
  test('are answered unknown-command', async () => {
    const { clock, gateway } = await attached()
    const answered: Status[] = []
    gateway.link.ask('keys', '', Buffer.alloc(0), Buffer.alloc(0), true, {
      answered: ({ status }) => {
        answered.push(status)
      },
      failed: () => undefined,
    })
    await clock.advance(0)
    expect(answered).toEqual(['unknown-command'])
  })
})

describe('a notification that cannot be read', () => {
  test('is refused as a bad request', async () => {
    const { clock, gateway } = await attached()
    const nothing = { answered: () => undefined, failed: () => undefined }
    gateway.link.ask('notify', bob, Buffer.alloc(0), Buffer.alloc(0), false, nothing)
    const whole = { subscription: 'x'.repeat(16), version: undefined, event: undefined }
    gateway.link.notify('', { ...whole, state: 'pending' }, '')
    await clock.advance(0)
    expect(gateway.orphans).toEqual(['bad-request', 'bad-request'])
  })
})

describe('what is remembered', () => {
  const confirm = (recent: Recent<number>, ...keys: readonly string[]) => {
    for (const key of keys) {
      expect(recent.take(key, 0)).toBe('show')
      recent.finish(key, true)
    }
  }

  test('is the newest, at least so many and at most twice as many', () => {
    const recent = new Recent<number>(2)
    confirm(recent, 'a', 'b', 'c', 'd')
    for (const key of ['b', 'c', 'd']) expect(recent.take(key, 0)).toBe('shown')
    confirm(recent, 'e', 'f')
    expect(recent.take('d', 0)).not.toBe('show')
    confirm(recent, 'a')
  })

  test('a repetition makes it new', () => {
    const recent = new Recent<number>(2)
    confirm(recent, 'a', 'b', 'c')
    expect(recent.take('a', 0)).toBe('shown')
    confirm(recent, 'd')
    expect(recent.take('a', 0)).toBe('shown')
    expect(recent.take('b', 0)).toBe('show')
  })

  test('never forgets what is being shown', () => {
    const recent = new Recent<string>(1)
    expect(recent.take('a', 'first')).toBe('show')
    expect(recent.take('b', 'first')).toBe('show')
    expect(recent.take('a', 'second')).toBe('wait')
    expect(recent.finish('a', true)).toEqual(['second'])
    expect(recent.finish('b', false)).toEqual([])
    expect(recent.take('b', 'again')).toBe('show')
  })
})
