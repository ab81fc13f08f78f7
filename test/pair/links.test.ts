/** What happens to links between two whole gateways over hours, and to what is on them. */
import { describe, expect, test } from 'vitest'
import type { Status } from '../../src/errors.ts'
import { dose } from '../support/dose.ts'
import type { Device } from '../support/simulator/device.ts'
import type { Attempt } from '../support/simulator/journal.ts'
import { judgeMessages } from '../support/simulator/oracle-messages.ts'
import { judgeCredit, judgeFaults, judgePending } from '../support/simulator/oracle-state.ts'
import { openScene, type Scene } from '../support/simulator/scene.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Two domains, alice and bob, and a message that was delivered. */
async function openTalking(wish: Parameters<typeof openScene>[0] = {}): Promise<Scene> {
  const scene = await openScene(wish)
  expect(await scene.send(scene.alice, scene.bob)).toBe('delivered')
  return scene
}

/** A message every `everyMs`, without waiting for answers. */
async function talk(
  scene: Scene,
  pairs: readonly (readonly [Device, Device])[],
  everyMs: number,
  forMs: number,
): Promise<void> {
  for (const end = scene.now + forMs; scene.now < end; ) {
    for (const [from, to] of pairs) void scene.begin(from, to)
    await scene.world.run(everyMs)
  }
}

const tally = (attempts: readonly Attempt[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { answer, by } of attempts) {
    const name = by === 'answer' ? `${answer}` : `${answer} (${by})`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

const judge = ({ world }: Scene): readonly string[] => [
  ...judgeMessages(world.journal),
  ...judgeCredit(world),
  ...judgePending(world),
  ...judgeFaults(world),
]

const closedFor = ({ b }: Scene): readonly Status[] =>
  [...(b.run?.meter.counters.get('links_closed_total')?.values() ?? [])].flatMap(
    ({ labels, value }) =>
      labels['role'] === 'gateway'
        ? new Array<Status>(value.n).fill(labels['cause'] as Status)
        : [],
  )

describe('a far side that lost the credentials it held', () => {
  test('is shown them again, and no request is lost or done twice', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    bob.publisher.publish(true)
    await world.run(second)
    for (const { held } of scene.links(scene.b)) for (let n = 1; n < 20; n++) held.forget(n)
    const begun = [1, 2, 3].map(() => scene.begin(alice, bob))
    const fetch = alice.watcher.fetch('bob@b.example')
    const answers = await world.wait(Promise.all(begun))
    expect(answers.map(({ answer }) => answer)).toEqual(new Array(3).fill('delivered'))
    await world.until(() => fetch.answers > 0)
    expect(fetch.answer).toBe('ok')
    expect(scene.shown(bob)).toBe(4)
    expect(scene.wires).toHaveLength(1)
    expect(judge(scene)).toEqual([])
  })

  test('is told what a watcher missed, too', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    bob.watcher.subscribe('alice@a.example')
    alice.publisher.publish(true)
    expect(await scene.sees(bob, alice)).toEqual({ alice: 1 })
    await world.run(minute)
    for (const { held } of scene.links(scene.b)) for (let n = 1; n < 20; n++) held.forget(n)
    alice.publisher.publish(true)
    expect(await scene.sees(bob, alice)).toEqual({ alice: 2 })
  })
})

describe('a credential', () => {
  test('is shown anew before it ends, over an hour, and only where it is used', async () => {
    const scene = await openTalking()
    const { alice, bob } = scene
    const before = scene.now
    await talk(scene, [[alice, bob]], 30 * second, 70 * minute)
    await scene.world.run(minute)
    expect(tally(scene.world.journal.attempts)).toEqual({ delivered: 141 })
    // Ten minutes long, renewed after eight; it was shown once before.
    expect(scene.count('credential', 'a', before)).toBe(8)
    expect(scene.wires).toHaveLength(1)
  })

  test('is not shown anew while nobody uses it', async () => {
    const scene = await openTalking()
    const { world, bob } = scene
    bob.watcher.subscribe('alice@a.example')
    await world.run(second)
    const before = scene.now
    await world.run(hour / 2)
    expect(scene.count('credential', 'a', before)).toBe(0)
    expect(scene.wires).toHaveLength(1)
  })
})

describe('a link that reaches its age', () => {
  test('is renewed without a message being lost, shown twice or overtaken', async () => {
    const scene = await openTalking({ limits: { linkAgeMs: minute, ...fast } })
    const { world, alice, bob } = scene
    const ways = [
      [alice, bob],
      [bob, alice],
    ] as const
    const minutes = dose(15, 5)
    await talk(scene, ways, 200, minutes * minute)
    await world.run(minute)
    // The clients' links have an age, too: for a second or two one of them is not there, and is told so.
    const answers = tally(world.journal.attempts)
    const { delivered = 0 } = answers
    expect(Object.keys(answers).toSorted()).toEqual([
      'delivered',
      'inbox-closed',
      'link-lost (unwritten)',
    ])
    // Of 600 a minute.
    expect(delivered).toBeGreaterThan(566 * minutes)
    expect(closedFor(scene).filter((cause) => cause === 'age-release').length).toBeGreaterThan(
      minutes / 3,
    )
    expect(judge(scene)).toEqual([])
  })
})

/** Everybody may say much. */
const fast = {
  lanePerSecond: 1000,
  laneBurst: 1000,
  senderPerSecond: 1000,
  senderBurst: 1000,
} as const

describe('an idle link', () => {
  test('is let go, and the next message dials anew', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    await world.run(9 * minute)
    expect(scene.wires).toHaveLength(1)
    await world.run(2 * minute)
    expect(scene.wires).toHaveLength(0)
    expect(closedFor(scene)).toEqual(['idle-release', 'idle-release'])
    expect(await scene.send(bob, alice)).toBe('delivered')
    expect(scene.wires).toHaveLength(1)
  })

  test('stays as long as somebody watches by it', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    bob.watcher.subscribe('alice@a.example')
    await world.run(dose(6, 2) * hour)
    expect(scene.wires).toHaveLength(1)
    alice.publisher.publish(true)
    expect(await scene.sees(bob, alice)).toEqual({ alice: 1 })
  })
})

describe('a domain that cannot be reached', () => {
  test('is dialled less and less often, and at once when it comes itself', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    scene.b.kill(true)
    await world.run(second)
    const [from, dials] = [scene.now, world.network.dials.length]
    await talk(scene, [[alice, bob]], 500, 20 * minute)
    await world.run(5 * second)
    const at = world.network.dials
      .slice(dials)
      .filter((dial) => dial.from === 'a')
      .map((dial) => dial.at - from)
    // For ten minutes it may be a restart.
    expect(at.filter((ms) => ms < minute).length).toBeLessThanOrEqual(25)
    const late = at.filter((ms) => ms >= 14 * minute)
    expect(late.length).toBeLessThanOrEqual(8)
    expect(late.length).toBeGreaterThanOrEqual(4)
    const refused = world.journal.attempts.slice(1)
    expect(tally(refused)).toEqual({ 'remote-unreachable': refused.length })
    scene.b.start()
    await world.until(() => bob.isAttached)
    expect(await scene.send(bob, alice)).toBe('delivered')
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(scene.wires).toHaveLength(1)
    expect(judge(scene)).toEqual([])
  })

  test('because it cannot ask for our keys is dialled less and less often, too', async () => {
    const scene = await openScene()
    const { world, alice, bob } = scene
    world.network.troubles.set(`b ${scene.a.ip}:5279`, 'refused')
    const from = scene.now
    await talk(scene, [[alice, bob]], 500, 10 * minute)
    await world.run(minute)
    const dials = world.network.dials.filter((dial) => dial.from === 'a' && dial.at >= from)
    expect(dials.length).toBeLessThan(30)
    expect(dials.length).toBeGreaterThan(8)
    const answers = new Set(world.journal.attempts.map(({ answer }) => answer))
    expect(answers).toEqual(new Set(['credential-unverifiable']))
    world.network.troubles.clear()
    // The longest wait between two questions for keys.
    await talk(scene, [[alice, bob]], 10 * second, 17 * minute)
    await world.run(minute)
    expect(world.journal.attempts.at(-1)?.answer).toBe('delivered')
  })

  test.each([
    // 3 s, or 60 s, and the spread of 1.4 on top.
    { out: 40 * second, most: 4.2 * second },
    { out: 20 * minute, most: 84 * second },
  ])('for $out ms is reached again $most ms after it is back', async ({ out, most }) => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    scene.b.kill(true)
    await talk(scene, [[alice, bob]], second, out)
    scene.b.start()
    await world.until(() => bob.isAttached)
    const back = scene.now
    await talk(scene, [[alice, bob]], 100, 90 * second)
    const [first] = world.journal.attempts.filter(
      ({ answer, at }) => answer === 'delivered' && at >= back,
    )
    expect((first?.at ?? Number.POSITIVE_INFINITY) - back).toBeLessThanOrEqual(most + 200)
  })

  test('because DNS does not answer keeps the links that it has', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    for (const type of ['SRV', 'A', 'AAAA']) world.dns.fail(type, 'silent')
    await talk(scene, [[alice, bob]], 30 * second, hour)
    expect(tally(world.journal.attempts)).toEqual({ delivered: 121 })
    for (const { link } of scene.links(scene.a)) link.channel.destroy()
    await world.run(second)
    // What DNS said last may still lead to a domain that was proven.
    expect(await scene.send(alice, bob)).toBe('delivered')
  })

  test('because its host vanished is noticed, and every sender is told the truth', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    for (const wire of scene.wires) wire.cut('nobody')
    await talk(scene, [[alice, bob]], 10 * second, 4 * minute)
    await world.run(minute)
    const answers = world.journal.attempts.slice(1).map(({ answer }) => answer)
    expect(new Set(answers)).toEqual(new Set(['unknown-outcome', 'order', 'delivered']))
    // Three times 30 s of silence; then it is well again.
    expect(answers.slice(10)).toEqual(new Array(answers.length - 10).fill('delivered'))
    expect(judge(scene)).toEqual([])
  })
})

describe('killing', () => {
  const kills = [
    ['the gateway of the recipient, its system closing what it had', 'b', true],
    ['the gateway of the recipient, with its whole host', 'b', false],
    ['the gateway of the sender, its system closing what it had', 'a', true],
    ['the gateway of the sender, with its whole host', 'a', false],
  ] as const

  test.for(kills)(
    '%s, while messages flow, gives every sender an honest answer',
    async ([, name, tell]) => {
      const scene = await openTalking({ limits: fast })
      const { world, alice, bob } = scene
      const ways = [
        [alice, bob],
        [bob, alice],
      ] as const
      await talk(scene, ways, 7, 2 * second)
      world.site(name).kill(tell)
      await talk(scene, ways, 7, 3 * second)
      world.site(name).start()
      await talk(scene, ways, dose(50, 250), 2 * minute)
      await world.run(3 * minute)
      const { attempts } = world.journal
      expect(attempts.every(({ answers }) => answers === 1)).toBe(true)
      expect(judge(scene)).toEqual([])
      expect(tally(attempts.slice(-20))).toEqual({ delivered: 20 })
    },
  )

  test('a gateway and starting it again shows the last presence to who watched', async () => {
    for (const name of ['a', 'b']) {
      const scene = await openTalking()
      const { world, alice, bob } = scene
      bob.watcher.subscribe('alice@a.example')
      alice.publisher.publish(true)
      expect(await scene.sees(bob, alice)).toEqual({ alice: 1 })
      world.site(name).kill(true)
      await world.run(20 * second)
      world.site(name).start()
      await world.until(() => alice.isAttached && bob.isAttached)
      alice.publisher.publish(true)
      await world.run(2 * minute)
      expect(await scene.sees(bob, alice)).toEqual({ alice: 2 })
    }
  })
})

describe('a gateway that drains', () => {
  test('answers what is under way, and loses nothing', async () => {
    const scene = await openTalking({ limits: fast })
    const { world, alice, bob } = scene
    await talk(scene, [[alice, bob]], 7, 2 * second)
    const drained = scene.b.drain()
    await talk(scene, [[alice, bob]], 7, second)
    await world.wait(drained)
    await world.run(minute)
    const answers = tally(world.journal.attempts)
    // Nobody is left with a doubt; who asks for too much while the domain rests is told so.
    expect(Object.keys(answers).toSorted()).toEqual(['busy', 'delivered', 'remote-unreachable'])
    scene.b.start()
    await world.run(2 * minute)
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(judge(scene)).toEqual([])
    expect(scene.b.leftovers).toEqual([])
  })
})

describe('the keys of a domain', () => {
  test('are rotated with an overlap, and nobody notices', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    const operator = world.operator('a.example')
    operator.publishNext()
    await talk(scene, [[alice, bob]], minute, 2 * hour)
    operator.useNext()
    await talk(scene, [[alice, bob]], minute, 2 * hour)
    operator.retireOld()
    await talk(scene, [[alice, bob]], minute, 2 * hour)
    await world.run(minute)
    expect(tally(world.journal.attempts)).toEqual({ delivered: 361 })
  })

  test('that prove a link and are revoked end it; what follows uses the next key', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    world.operator('a.example').revoke()
    bob.watcher.subscribe('alice@a.example')
    await world.run(hour)
    expect(closedFor(scene)).toContain('key-changed')
    expect(await scene.send(alice, bob)).toBe('delivered')
    alice.publisher.publish(true)
    expect(await scene.sees(bob, alice)).toEqual({ alice: 1 })
  })

  test('that were changed without warning are asked for when one is not known', async () => {
    const scene = await openTalking()
    const { world, alice, bob } = scene
    await world.run(minute)
    world.operator('a.example').revoke()
    for (const { link } of scene.links(scene.a)) link.channel.destroy()
    await world.run(second)
    expect(await scene.send(alice, bob)).toBe('delivered')
    expect(scene.count('keys', 'b')).toBe(2)
  })
})

describe('a site with two domains', () => {
  const two = {
    b: {
      domains: [
        { name: 'b.example', users: ['bob'] },
        { name: 'b2.example', users: ['carol'] },
      ],
    },
  } as const

  test('proves each of them, and serves both', async () => {
    const scene = await openTalking(two)
    const { world, alice, bob } = scene
    const carol = world.device('carol@b2.example')
    await world.wait(carol.attach())
    expect(await scene.send(alice, carol)).toBe('delivered')
    expect(await scene.send(carol, alice)).toBe('delivered')
    expect(await scene.send(carol, bob)).toBe('delivered')
    expect(scene.wires.length).toBeLessThanOrEqual(2)
  })

  test('of which one is barred somewhere keeps the link of the other one there', async () => {
    const scene = await openTalking({
      a: {
        domains: [
          { name: 'a.example', users: ['alice'] },
          { name: 'a2.example', users: ['carol'] },
        ],
      },
      b: { rules: { default: 'allow', allow: [], deny: ['a2.example'] } },
    })
    const { world, alice, bob } = scene
    const carol = world.device('carol@a2.example')
    await world.wait(carol.attach())
    const [wire] = scene.wires
    for (let n = 0; n < 50; n++) {
      const barred = scene.begin(carol, bob)
      expect(await scene.send(alice, bob)).toBe('delivered')
      expect((await world.wait(barred)).answer).not.toBe('delivered')
      await world.run(second)
    }
    expect(wire?.isOpen).toBe(true)
    expect(scene.wires).toEqual([wire])
    expect(world.network.dials.filter(({ from }) => from === 'a').length).toBeLessThan(15)
  })

  test('of which one cannot reach a peer serves the other one none the less', async () => {
    const scene = await openTalking({
      ...two,
      a: { rules: { default: 'allow', allow: [], deny: ['b2.example'] } },
    })
    const { world, alice, bob } = scene
    const carol = world.device('carol@b2.example')
    await world.wait(carol.attach())
    alice.watcher.subscribe('bob@b.example')
    expect(await scene.send(carol, alice)).toBe('domain-refused')
    bob.publisher.publish(true)
    expect(await scene.sees(alice, bob)).toEqual({ bob: 1 })
  })
})
