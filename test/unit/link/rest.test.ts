/** A link on which nothing happens is looked at seldom, and soon again once something does. */
import { describe, expect, test } from 'vitest'
import type { LimitName } from '../../../src/limits.ts'
import { commands } from '../../../src/wire/registry.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { sayOk } from '../../support/middle/peer-rooms.ts'
import { openProven } from '../../support/middle/sessions.ts'
import { roomShares } from '../../support/room-shares.ts'
import * as wire from '../../support/script/codec.ts'

const second = 1000

/** Its links are read by the clock of the test. */
const makeEnv = (limits: Partial<Record<LimitName, number>>) => {
  const env = roomEnv(limits)
  return { ...env, shares: roomShares(env.limits, env.clock) }
}

async function makeResting(limits: Partial<Record<LimitName, number>> = {}) {
  const env = makeEnv(limits)
  let stirred = 0
  const { session, far, ended } = await openProven(env, {
    rooms: {
      request: (one, view) => {
        if (view.command !== commands.message.number) return sayOk(one, view)
        one.waiting.enter(view, view.reference, env.clock.now())
        return
      },
    },
    stirred: () => {
      stirred++
    },
  })
  /** As the wheel does it; when it is to be looked at again, from now on. */
  const tick = (): number => session.tick(env.clock.now()) - env.clock.now()
  const pass = async (seconds: number) => {
    for (let n = 0; n < seconds; n++) {
      await env.clock.advance(second)
      tick()
    }
  }
  const rest = async () => {
    await pass(4)
    expect(tick()).toBeGreaterThan(20 * second)
    stirred = 0
  }
  return { env, session, far, ended, tick, pass, rest, stirred: () => stirred }
}

describe('a link at rest', () => {
  test('[LINK-8.3-2] is looked at when it is time to ask whether the far side lives', async () => {
    const { far, rest, tick, env, session, ended } = await makeResting()
    await rest()
    for (let looks = 0; looks < 3; looks++) await env.clock.advance(tick())
    expect(far.frames.filter(({ type }) => type === wire.type.ping).length).toBeGreaterThan(0)
    const until = env.clock.now() + 90 * second
    let looks = 0
    while (ended() === undefined && env.clock.now() < until) {
      await env.clock.advance(session.tick(env.clock.now()) - env.clock.now())
      looks++
    }
    expect([ended(), looks < 15]).toEqual(['peer-silent', true])
  })

  test('that asks something is looked at within a second, and until it has its answer', async () => {
    const { rest, tick, stirred, session, far, env } = await makeResting()
    await rest()
    const codes: string[] = []
    await env.clock.advance(15 * second)
    session.link.ask({
      ...{ command: commands.keys.number, trafficClass: 0, hops: 0, reference: undefined },
      ...{ laneEpoch: 0, laneSequence: 0, settled: 0, from: '', answerCredit: 0, user: '' },
      ...{ expectsAnswer: true, buffer: Buffer.alloc(0), fieldsAt: 0, bodyAt: 0, end: 0 },
      ...{ since: -1, sentAt: -1, freshen: undefined, answered: () => undefined },
      failed: (code) => {
        codes.push(code)
      },
    })
    expect([stirred(), tick()]).toEqual([1, second])
    // It counts from now, not from when the link was looked at last.
    for (let n = 0; n < 29; n++) {
      await env.clock.advance(second)
      far.pong()
      expect([tick(), codes]).toEqual([second, []])
    }
    for (let n = 0; n < 5; n++) {
      await env.clock.advance(second)
      far.pong()
      tick()
    }
    expect(codes).toEqual(['remote-timeout'])
  })

  test('that is asked something is looked at again', async () => {
    const { rest, tick, stirred, far, env } = await makeResting()
    await rest()
    far.ask(wire.control, { command: commands.keys.number })
    await env.clock.advance(0)
    expect([stirred() > 0, tick()]).toEqual([true, second])
  })

  test('whose waiting room fills is looked at again, until that is empty', async () => {
    const { rest, tick, stirred, far, env } = await makeResting()
    await rest()
    const id = far.message({})
    await env.clock.advance(0)
    expect([stirred() > 0, tick()]).toEqual([true, second])
    for (let n = 0; n < 16; n++) {
      await env.clock.advance(second)
      tick()
    }
    await env.clock.advance(0)
    expect(far.status(id)).toBe('credential-unverifiable')
  })

  test('[LINK-8.3-4] is let go of at its age, and [LINK-8.3-3] when it was idle for long', async () => {
    for (const [limits, isUsed, reason] of [
      [{ linkAgeMs: 60 * second }, true, 'age-release'],
      [{ idleMs: 60 * second }, false, 'idle-release'],
    ] as const) {
      const env = makeEnv(limits)
      const { session, far } = await openProven(env, { rooms: { isUsed: () => isUsed } })
      for (let n = 0; n < 60 && session.link.isUsable; n++) {
        await env.clock.advance(session.tick(env.clock.now()) - env.clock.now())
        far.pong()
      }
      expect(far.release?.reason).toBe(reason)
    }
  })
})
