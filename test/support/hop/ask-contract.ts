/** What a hop keeps of questions to other domains. */
import { describe, expect, test } from 'vitest'
import { encodeFetch } from '../../../src/command/fetch.ts'
import { answered } from '../../../src/operation/call.ts'
import type { Question } from '../../../src/operation/ports.ts'
import { alice, bob, Ends, idOf } from '../operations.ts'
import { type HopWorld, long, type OpenHop, soon } from './world.ts'

export function askContract(name: string, open: OpenHop): void {
  describe(`ask, by ${name}`, () => {
    const subscribe: Question = {
      ...{ kind: 'subscribe', id: idOf('s'), watcher: alice, presentity: bob },
      ...{ leaseSeconds: 600, hops: 1 },
    }
    const questions: readonly Question[] = [
      subscribe,
      { ...subscribe, kind: 'unsubscribe', leaseSeconds: undefined },
      {
        ...{ kind: 'renew', local: alice.domain, remote: bob.domain, watcher: undefined },
        ...{ ids: [idOf('s'), idOf('t')], leaseSeconds: 600 },
      },
    ]
    const asked = (world: HopWorld, list = questions): Ends<Question> => {
      const ends = new Ends<Question>(({ kind }) => kind)
      for (const question of list) world.hop.ask(question, ends)
      return ends
    }

    test('ask: ends once, as the far side says', async () => {
      const world = open()
      const ends = asked(world)
      await world.run(soon)
      // What different askers want may leave in any order.
      expect(world.far.heard.toSorted()).toEqual([
        'renew a.example b.example s...............,t...............',
        'subscribe alice@a.example bob@b.example s...............',
        'unsubscribe alice@a.example bob@b.example s...............',
      ])
      for (const { kind } of questions) {
        const line = world.far.heard.find((one) => one.startsWith(`${kind} `)) ?? ''
        world.far.answer(line, kind === 'unsubscribe' ? 'refused' : 'ok')
      }
      await world.run(long)
      expect(ends.log.toSorted()).toEqual(['renew ok', 'subscribe ok', 'unsubscribe refused'])
    })

    test('ask: what is granted or told comes back with it', async () => {
      const world = open()
      const presence = { document: Buffer.from('{}'), version: { epoch: 7, seq: 9 } }
      world.far.reply = ({ operation: { kind } }) =>
        kind === 'renew'
          ? answered('ok', { leases: [300, 0] })
          : kind === 'subscribe'
            ? answered('pending', { leaseSeconds: 300 })
            : answered('ok', { presence })
      const ends = asked(world, [
        subscribe,
        questions[2] as Question,
        {
          ...{ kind: 'fetch', watcher: alice, presentity: bob, hops: 1, unknownField: 0 },
          fields: encodeFetch(bob.text),
        },
      ])
      await world.run(soon)
      expect(ends.log.toSorted()).toEqual(['fetch ok', 'renew ok', 'subscribe pending'])
      const answers = ends.outcomes.map(({ answer }) => answer)
      expect(answers).toContainEqual({ leaseSeconds: 300 })
      expect(answers).toContainEqual({ leases: [300, 0] })
      expect(answers).toContainEqual({ presence })
    })

    test('ask: ends once, for a time, if the way is lost, and is not asked again by the hop', async () => {
      const world = open()
      const ends = asked(world)
      await world.run(soon)
      world.lose()
      await world.run(0)
      world.far.answerAll('ok')
      const late = asked(world)
      await world.run(long)
      world.restore()
      await world.run(long)
      for (const { log } of [ends, late]) {
        expect(log.toSorted()).toEqual(
          ['renew', 'subscribe', 'unsubscribe'].map((kind) => `${kind} remote-unreachable`),
        )
      }
      expect(world.far.heard).toHaveLength(3)
    })

    test('ask: ends once, also at the end of the hop', async () => {
      const world = open()
      const ends = asked(world)
      await world.run(soon)
      world.hop.close()
      const late = asked(world)
      await world.run(long)
      for (const { log } of [ends, late]) {
        expect(log.toSorted()).toEqual(
          ['renew', 'subscribe', 'unsubscribe'].map((kind) => `${kind} remote-unreachable`),
        )
      }
    })
  })
}
