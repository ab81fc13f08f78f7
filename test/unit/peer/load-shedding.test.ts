import { describe, expect, test } from 'vitest'
import { shedLinks } from '../../../src/peer/load-shedding.ts'
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
  const shed = (): readonly number[] => {
    shedLinks(env, new Set(sessions), (session) => used.has(session))
    return sessions.flatMap(({ link }, n) => (link.isUsable ? [] : [n]))
  }
  return { env, opened, sessions, used, shed }
}

describe('a gateway that is short of links', () => {
  test('lets nobody go while nine tenths are not reached', async () => {
    const { shed, env } = await makeLinks(9, 10)
    expect([shed(), env.hits('links')]).toEqual([[], 0])
  })

  test('lets go of those that were idle longest, as many as are too many', async () => {
    const { shed, env, opened } = await makeLinks(4, 2)
    expect([shed(), env.hits('links')]).toEqual([[0, 1, 2], 1])
    await env.clock.advance(0)
    expect(opened.map(({ far }) => far.release?.reason)).toEqual([
      ...Array(3).fill('resource-shortage'),
      undefined,
    ])
  })

  test('keeps those with live subscriptions, and those with something under way', async () => {
    const { shed, used, sessions, opened, env } = await makeLinks(4, 2)
    used.add(sessions[0] as Session)
    opened[1]?.far.ask(wire.im, { command: commands.message.number })
    await env.clock.advance(0)
    expect(sessions[1]?.link.underWay).toBe(1)
    expect(shed()).toEqual([2, 3])
  })

  test('lets go of a few at a time', async () => {
    const { shed } = await makeLinks(40, 1)
    expect(shed()).toHaveLength(32)
  })
})
