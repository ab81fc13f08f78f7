import { describe, expect, test } from 'vitest'
import { shedIdle } from '../../../src/peer/load-shedding.ts'
import type { Session } from '../../../src/peer/session.ts'
import { commands } from '../../../src/wire/registry.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { openProven } from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'

/** So many links, the first one idle for longest. */
async function makeLinks(count: number, links: number) {
  const env = roomEnv({ links })
  const opened = []
  for (let n = 0; n < count; n++) {
    opened.push(await openProven(env, { remote: `a${n}.example` }))
    await env.clock.advance(1000)
  }
  const sessions = opened.map(({ session }) => session)
  const used = new Set<Session>()
  /** One that is to go; which have gone. */
  const shed = (): readonly number[] => {
    shedIdle(env, new Set(sessions), (session) => used.has(session), undefined)
    return sessions.flatMap(({ link }, n) => (link.isUsable ? [] : [n]))
  }
  return { env, opened, sessions, used, shed }
}

describe('a gateway that is short of links', () => {
  test('lets go of the one that was idle longest', async () => {
    const { shed, env, opened } = await makeLinks(3, 100)
    expect([shed(), shed()]).toEqual([[0], [0, 1]])
    await env.clock.advance(0)
    expect(opened.map(({ far }) => far.release?.reason)).toEqual([
      'resource-shortage',
      'resource-shortage',
      undefined,
    ])
  })

  test('keeps those with live subscriptions, and those with something under way', async () => {
    const { shed, used, sessions, opened, env } = await makeLinks(4, 100)
    used.add(sessions[0] as Session)
    opened[1]?.far.ask(wire.im, { command: commands.message.number })
    await env.clock.advance(0)
    expect(sessions[1]?.link.underWay).toBe(1)
    shed()
    expect([shed(), shed()]).toEqual([
      [2, 3],
      [2, 3],
    ])
  })
})
