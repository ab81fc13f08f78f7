import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../src/limits.ts'
import type { RequestView } from '../../../src/link/link.ts'
import type { Session } from '../../../src/peer/session.ts'
import { commands } from '../../../src/wire/registry.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { sayOk } from '../../support/middle/peer-rooms.ts'
import { openSession } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'

/** A link whose requests wait until `isOpen`, for what their reference says. */
async function makeRoom(limits: Partial<Limits> = {}) {
  const env = roomEnv(limits)
  const state: { isOpen: boolean; take: ((view: RequestView) => undefined) | undefined } = {
    ...{ isOpen: false, take: undefined },
  }
  const taken: string[] = []
  const request = (session: Session, view: RequestView): undefined => {
    if (state.take !== undefined) return state.take(view)
    if (!state.isOpen) {
      session.waiting.enter(view, view.reference, env.clock.now())
      return
    }
    taken.push(view.buffer.toString('utf8', view.bodyAt, view.end))
    return sayOk(session, view)
  }
  const { far, session } = openSession(env, { rooms: { request } })
  far.sayHello()
  const ask = async (body: string, reference = 0, flags: number = wire.im) => {
    const id = far.ask(flags, {
      ...{ command: commands.message.number, reference, body: Buffer.from(body) },
    })
    await env.clock.advance(0)
    return id
  }
  return { env, far, session, ask, taken, state }
}

describe('[LINK-5.4-4] requests that wait', () => {
  test('go on in their order, as they arrived', async () => {
    const { env, session, ask, taken, state } = await makeRoom()
    for (const body of ['one', 'two', 'three']) await ask(body)
    expect(taken).toEqual([])
    state.isOpen = true
    session.waiting.reopen()
    await env.clock.advance(0)
    expect(taken).toEqual(['one', 'two', 'three'])
    session.waiting.reopen()
    await env.clock.advance(0)
    expect(taken.length).toBe(3)
  })

  test('do not begin to wait anew when they come back', async () => {
    const { env, session, ask, far } = await makeRoom()
    const id = await ask('one')
    for (let n = 0; n < 15; n++) {
      await env.clock.advance(1000)
      session.waiting.reopen()
    }
    await env.clock.advance(1000)
    session.waiting.sweep(env.clock.now())
    await env.clock.advance(0)
    expect(far.status(id)).toBe('credential-unverifiable')
  })

  test('for one pair leave room for those for another', async () => {
    const { env, session, far, state } = await makeRoom()
    await env.clock.advance(0)
    session.link.proven()
    const enter = (pair: string, count: number): readonly number[] =>
      Array.from({ length: count }, () => {
        const id = far.ask(wire.im, { command: commands.message.number, reference: 1 })
        pairs.set(id, pair)
        return id
      })
    const pairs = new Map<number, string>()
    state.take = (view) => {
      session.waiting.enter(view, 1, env.clock.now(), pairs.get(view.id) ?? '')
    }
    const slow = enter('b a', 20)
    const other = enter('b c', 16)
    await env.clock.advance(0)
    const busy = (ids: readonly number[]) => ids.filter((id) => far.status(id) === 'busy').length
    expect([busy(slow), busy(other)]).toEqual([4, 0])
    const more = ['d', 'e', 'f', 'g', 'h', 'i', 'j'].flatMap((name) => enter(name, 16))
    await env.clock.advance(0)
    expect(busy(more)).toBe(16)
    const refused = more.filter((id) => far.status(id) === 'busy')
    const waits = refused.map((id) => far.answer(id)?.fields.get(wire.tag.retryAfter))
    expect(waits).toEqual(refused.map(() => wire.u32(1000)))
  })

  test('come back, if they still have to wait', async () => {
    const { env, session, ask, far } = await makeRoom()
    await ask('one')
    session.waiting.reopen()
    expect(far.answers).toEqual([])
    session.waiting.refuse(0, 'busy')
    await env.clock.advance(0)
    expect(far.answers.length).toBe(1)
  })

  test('for what was refused are told so, and no others', async () => {
    const { env, session, ask, far } = await makeRoom()
    const ids = [await ask('one', 0), await ask('two', 7), await ask('three', 7)]
    session.waiting.refuse(7, 'credential-key')
    await env.clock.advance(0)
    expect(ids.map((id) => far.status(id))).toEqual([
      'no answer',
      'credential-key',
      'credential-key',
    ])
  })

  test('too long are told that the key cannot be had now', async () => {
    const { env, session, ask, far } = await makeRoom({ waitingMs: 1000 })
    const first = await ask('one')
    await env.clock.advance(600)
    const second = await ask('two')
    session.waiting.sweep(1000)
    await env.clock.advance(0)
    expect(far.answers).toEqual([])
    session.waiting.sweep(1001)
    await env.clock.advance(0)
    expect([far.status(first), far.status(second)]).toEqual([
      'credential-unverifiable',
      'no answer',
    ])
  })

  test('are paid while they wait, however that ends', async () => {
    const { env, session, ask, state } = await makeRoom({ waitingMs: 1000 })
    const { shares } = env
    const paid = (): number => shares.used(shares.tree.all, 'bytes')
    const wait = async (): Promise<undefined> => {
      state.isOpen = false
      await ask('one')
      await ask('two', 7)
      expect(paid()).toBeGreaterThan(16)
    }
    await wait()
    session.waiting.reopen()
    expect(paid()).toBeGreaterThan(16)
    state.isOpen = true
    session.waiting.reopen()
    expect(paid()).toBe(0)
    await wait()
    session.waiting.refuse(7, 'busy')
    session.waiting.sweep(2000)
    expect(paid()).toBe(0)
    await wait()
    session.leave()
    expect(paid()).toBe(0)
  })

  test('make room for others, the oldest first, and are busy to whoever has too many', async () => {
    const { env, session, ask, far } = await makeRoom({ heldBytes: 1000 })
    const ids = [await ask('one'), await ask('two')]
    session.link.payer.giveUp(env.clock.now())
    await env.clock.advance(0)
    expect(ids.map((id) => far.status(id))).toEqual(['busy', 'no answer'])
    const long = 'x'.repeat(400)
    const more = [await ask(long), await ask(long), await ask(long)]
    expect(more.map((id) => far.status(id))).toEqual(['no answer', 'busy', 'busy'])
  })

  test.each([
    ['so many of a class', { waitingFrames: 2 }],
    ['so many bytes of a class', { waitingBytes: 25 }],
  ] as const)('are %s, and no more', async (_, limits) => {
    const { ask, far } = await makeRoom(limits)
    const ids = [await ask('one'), await ask('two'), await ask('three')]
    expect(ids.map((id) => far.status(id))).toEqual(['no answer', 'no answer', 'busy'])
    const ofAnother = await ask('four', 0, wire.pres)
    expect(far.status(ofAnother)).toBe('no answer')
  })
})
