/**
 * What every door keeps, whoever comes in by it: a domain, or a user of ours.
 *
 * In:    how to open a door, started at a fake core, with somebody outside who may speak there.
 */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../src/errors.ts'
import { outcomeOf } from '../../src/operation/call.ts'
import type { Door } from '../../src/operation/ports.ts'
import type { FakeCore } from './fake-core.ts'

export type DoorWorld = {
  readonly door: Door
  readonly core: FakeCore
  /** Whose word a message from outside is, and from whom to whom it goes. */
  readonly speaker: {
    readonly door: 'user' | 'system' | 'domain'
    readonly domain: string
    readonly user: string | undefined
    readonly from: string
    readonly to: string
  }
  /** Sends a message from outside. All that its sender is told comes into the list. */
  readonly send: (body: string) => readonly Status[]
  /** Faults of the program that somebody has noted. */
  readonly faults: () => number
  readonly run: (ms: number) => Promise<void>
}

const soon = 1000
const long = 120_000

export function doorContract(name: string, open: () => Promise<DoorWorld>): void {
  const heard = ({ core }: DoorWorld): readonly string[] =>
    core.heardOf('message').map((line) => line.split(' ')[2] ?? '')

  describe(`the contract of a door: ${name}`, () => {
    test('start: what comes in reaches core.receive, on the word of whoever said it', async () => {
      const world = await open()
      const { door, core, speaker, send, run } = world
      send('m1')
      await run(soon)
      expect(core.heardOf('message')).toEqual([`${speaker.from} ${speaker.to} m1`])
      const call = core.calls.find(({ operation }) => operation.kind === 'message')
      if (call?.operation.kind !== 'message') throw new Error('no message')
      const { caller, operation } = call
      expect(caller).toMatchObject({ door: speaker.door, via: door.name, domain: speaker.domain })
      expect(caller.user?.text).toBe(speaker.user)
      const { from, to } = operation
      expect(caller.may('im.send', from, to.domain)).toBeUndefined()
      const other = { ...from, user: 'eve', domain: to.domain, text: `eve@${to.domain}` }
      expect(caller.may('im.send', other, to.domain)).toBeDefined()
    })

    test('start: what one says comes in in its order, and no sooner than it is said', async () => {
      const world = await open()
      const names = Array.from({ length: 10 }, (_, i) => `m${i}`)
      for (const body of names) world.send(body)
      await world.run(soon)
      expect(heard(world)).toEqual(names)
    })

    test('answer: exactly once, and to whoever asked', async () => {
      const { core, send, run, faults } = await open()
      const told = [send('m1'), send('m2')]
      await run(soon)
      core.answer('m2', 'refused')
      core.answer('m1', 'delivered')
      await run(soon)
      expect(told).toEqual([['delivered'], ['refused']])
      expect(faults()).toBe(0)
    })

    test('answer: a second one is a fault of the program, and nobody outside is told', async () => {
      const { core, send, run, faults } = await open()
      const told = send('m1')
      await run(soon)
      const call = core.calls.at(-1)
      call?.answer(outcomeOf('delivered'))
      call?.answer(outcomeOf('refused'))
      await run(soon)
      expect([told, faults()]).toEqual([['delivered'], 1])
    })

    test('drain: what is under way is answered, and then nothing comes in', async () => {
      const world = await open()
      const { door, core, send, run } = world
      const told = send('m1')
      await run(soon)
      let isDrained = false
      void door.drain('shutdown').then(() => {
        isDrained = true
      })
      await run(soon)
      const late = send('m2')
      await run(soon)
      expect([isDrained, heard(world), told]).toEqual([false, ['m1'], []])
      core.answer('m1', 'delivered')
      await run(soon)
      expect([isDrained, told]).toEqual([true, ['delivered']])
      const later = send('m3')
      await run(long)
      expect(heard(world)).toEqual(['m1'])
      for (const list of [late, later]) expect(list).not.toContain('delivered')
    })

    test('drain: does not wait for ever for what is never answered', async () => {
      const { door, send, run } = await open()
      const told = send('m1')
      await run(soon)
      const drained = door.drain('shutdown')
      await run(long)
      await drained
      expect(told).not.toContain('delivered')
    })

    test('close: at once nothing comes in any more, and an answer that is late harms nobody', async () => {
      const world = await open()
      const { door, core, send, run, faults } = world
      const told = send('m1')
      await run(soon)
      door.close()
      const late = send('m2')
      core.answer('m1', 'delivered')
      await run(long)
      expect(heard(world)).toEqual(['m1'])
      for (const list of [told, late]) expect(list).not.toContain('delivered')
      expect(faults()).toBe(0)
    })
  })
}
