/**
 * What every session of a user of ours keeps, by whatever door it came.
 *
 * In:    how to attach one at a fake core, as bob, and what the user at its far end got and does.
 */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../src/errors.ts'
import { limitsWith } from '../../src/limits.ts'
import type { UserSession } from '../../src/operation/ports.ts'
import type { FakeCore } from './fake-core.ts'
import { alice, Ends, idOf, Letters } from './operations.ts'

export type SessionWorld = {
  readonly core: FakeCore
  readonly session: UserSession
  /** Sender and body of each message that the user got. */
  readonly messages: () => readonly string[]
  /** Whom it sees, and the document or the state, of each notification. */
  readonly notices: () => readonly string[]
  /** The user answers the message with that body. */
  readonly confirm: (body: string, status: Status) => undefined
  /** The user reads no notification any more. */
  readonly stopReading: () => undefined
  /** The user is gone. */
  readonly lose: () => undefined
  readonly run: (ms: number) => Promise<void>
}

const soon = 1000
const { confirmMs } = limitsWith()

export function userSessionContract(name: string, open: () => Promise<SessionWorld>): void {
  const opened = async () => {
    const world = await open()
    const letters = new Letters()
    const ends = new Ends<Parameters<UserSession['deliver']>[0]>(({ end, buffer, bodyAt }) =>
      buffer.toString('latin1', bodyAt, end),
    )
    const deliver = (...bodies: readonly string[]): undefined => {
      for (const body of bodies) world.session.deliver(letters.make({ body }), ends)
    }
    return { ...world, ends, deliver }
  }
  const from = (...bodies: readonly string[]) => bodies.map((body) => `${alice.text} ${body}`)

  describe(`the contract of a session of a user: ${name}`, () => {
    test('attach: is told to the core once, and taken back once, at its end', async () => {
      const { core, session, lose, run } = await opened()
      expect([core.sessions, core.detached]).toEqual([[session], []])
      expect(session.caller).toMatchObject({ door: 'user', domain: 'b.example' })
      expect(session.caller.user.text).toBe('bob@b.example')
      lose()
      await run(soon)
      expect([core.sessions, core.detached]).toEqual([[session], [session]])
    })

    test('deliver: messages reach the user in the order of the calls', async () => {
      const { deliver, messages, run } = await opened()
      deliver('m1', 'm2')
      await run(soon)
      deliver('m3')
      await run(soon)
      expect(messages()).toEqual(from('m1', 'm2', 'm3'))
    })

    test('deliver: the bytes are lent for the time of the call', async () => {
      const { session, ends, messages, run } = await opened()
      const message = new Letters().make({ body: 'm1' })
      session.deliver(message, ends)
      message.buffer.fill('x')
      await run(soon)
      expect(messages()).toEqual(from('m1'))
    })

    test('deliver: ends as the user says, once, and not before', async () => {
      const { deliver, ends, confirm, run } = await opened()
      const said: readonly Status[] = ['delivered', 'refused', 'inbox-full', 'unsupported-format']
      deliver(...said)
      await run(soon)
      expect(ends.log).toEqual([])
      for (const body of said.toReversed()) confirm(body, body)
      await run(confirmMs * 3)
      expect(ends.log.toSorted()).toEqual(said.map((body) => `${body} ${body}`).toSorted())
    })

    test('deliver: ends unknown-outcome if the user had it and says nothing, and then it has ended', async () => {
      const { deliver, ends, messages, confirm, run } = await opened()
      deliver('m1')
      await run(confirmMs - soon)
      expect(ends.log).toEqual([])
      await run(3 * soon)
      expect([ends.log, messages()]).toEqual([['m1 unknown-outcome'], from('m1')])
      confirm('m1', 'delivered')
      await run(soon)
      expect(ends.log).toHaveLength(1)
    })

    test('deliver: ends unknown-outcome if the user had it and is gone', async () => {
      const { deliver, ends, lose, run } = await opened()
      deliver('m1', 'm2')
      await run(soon)
      lose()
      await run(confirmMs * 3)
      expect(ends.log).toEqual(['m1 unknown-outcome', 'm2 unknown-outcome'])
    })

    test('deliver: ends inbox-closed once the user is gone', async () => {
      const { deliver, ends, messages, lose, run } = await opened()
      lose()
      await run(soon)
      deliver('m1')
      await run(soon)
      expect([ends.log, messages()]).toEqual([['m1 inbox-closed'], []])
    })

    test('deliver: each of many ends once, and no is only said of what the user did not get', async () => {
      const { deliver, ends, messages, lose, run } = await opened()
      const bodies = Array.from({ length: 40 }, (_, i) => `m${i}`)
      deliver(...bodies)
      await run(soon)
      lose()
      await run(confirmMs * 3)
      expect(ends.log.map((line) => line.split(' ')[0]).toSorted()).toEqual(bodies.toSorted())
      const denied = ends.log.flatMap((line) => {
        const [body = '', status] = line.split(' ')
        return status === 'unknown-outcome' ? [] : [body]
      })
      expect(from(...denied).filter((line) => messages().includes(line))).toEqual([])
    })

    test('deliver: each of many ends in its time, though the user takes nothing', async () => {
      const { deliver, ends, messages, run } = await opened()
      const bodies = Array.from({ length: 40 }, (_, i) => `m${i}`)
      deliver(...bodies)
      await run(confirmMs * 2)
      expect(ends.log.map((line) => line.split(' ')[0]).toSorted()).toEqual(bodies.toSorted())
      const denied = ends.log.flatMap((line) => {
        const [body = '', status] = line.split(' ')
        return status === 'unknown-outcome' ? [] : [`${body} ${status}`]
      })
      expect(denied.every((line) => line.endsWith(' inbox-closed'))).toBe(true)
      expect(messages()).toHaveLength(bodies.length - denied.length)
    })

    const notice = (document: string, seq = 1) => {
      const presence = { document: Buffer.from(document), version: { epoch: 1, seq } }
      return { state: 'active', event: undefined, presence } as const
    }

    test('notify: reaches the session, with whom it is about and how things stand', async () => {
      const { session, notices, run } = await opened()
      session.notify(idOf('s1'), alice, notice('{}'))
      const unknown = { state: 'unknown', event: undefined, presence: undefined } as const
      session.notify(idOf('s1'), alice, unknown)
      await run(soon)
      expect(notices()).toEqual([`${alice.text} {}`, `${alice.text} unknown`])
    })

    test('notify: a session that is slow keeps the last value of what it watches, and lives', async () => {
      const { core, session, deliver, ends, stopReading, run } = await opened()
      stopReading()
      for (let n = 0; n < 1000; n++) {
        session.notify(idOf('s1'), alice, notice(`${n}`.padEnd(1000, '.'), n))
        await run(0)
      }
      expect(core.detached).toEqual([])
      deliver('m1')
      await run(0)
      expect(ends.log).toEqual([])
    })

    test('notify: a session that has no room for what it watches is closed, and told no more', async () => {
      const { core, session, deliver, ends, notices, stopReading, run } = await opened()
      stopReading()
      for (let n = 0; n < 1000 && core.detached.length === 0; n++) {
        session.notify(idOf(`s${n}`), alice, notice(`${n}`.padEnd(1000, '.'), n))
        await run(0)
      }
      expect(core.detached).toEqual([session])
      const before = notices().length
      session.notify(idOf('s1'), alice, notice('late'))
      deliver('m1')
      await run(soon)
      expect([notices().length, ends.log]).toEqual([before, ['m1 inbox-closed']])
    })
  })
}
