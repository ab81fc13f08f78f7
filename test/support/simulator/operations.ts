/**
 * What users do in a run: mostly messages, some presence, now and then they come and go.
 *
 * In:    the world and chance.
 * Out:   one operation; its kind.
 */
import type { Random } from '../../../src/lib/random.ts'
import type { Device } from './device.ts'
import { between, pick } from './faults.ts'
import type { World } from './world.ts'

type Operate = (world: World, random: Random, device: Device) => undefined

/** One in so many. */
const weights: readonly (readonly [OperationKind, number])[] = [
  ['send', 100],
  ['burst', 20],
  ['repeat', 14],
  ['conflict', 4],
  ['send-astray', 4],
  ['publish', 20],
  ['unpublish', 4],
  ['fetch', 10],
  ['watch', 16],
  ['unwatch', 4],
  ['renew', 4],
  ['come', 4],
  ['leave', 6],
]

const newId = (random: Random): Buffer => random.bytes(16)

/** Mostly small, now and then as long as allowed, seldom one byte longer. */
function bodyOf(random: Random): Buffer {
  const draw = random.number()
  const size =
    draw < 0.8
      ? between(random, 0, 400)
      : draw < 0.93
        ? between(random, 400, 9000)
        : draw < 0.99
          ? between(random, 9000, 65_000)
          : draw < 0.995
            ? 65_536
            : 65_537
  const text = `canary ${between(random, 0, 1_000_000_000)} `
  return Buffer.alloc(size, text)
}

const someone = (world: World, random: Random, not: Device): string => {
  const others = world.devices.filter(({ user }) => user.text !== not.user.text)
  return (pick(random, others) ?? not).user.text
}

const operations = {
  send: (world, random, device) => {
    void device.send(someone(world, random, device), newId(random), bodyOf(random))
  },
  /** Several at once to one recipient. */
  burst: (world, random, device) => {
    const to = someone(world, random, device)
    for (let left = between(random, 2, 8); left > 0; left--) {
      void device.send(to, newId(random), bodyOf(random))
    }
  },
  repeat: (_world, random, device) => {
    const draft = pick(random, device.sender.sent.slice(-6))
    if (draft !== undefined) void device.send(draft.to, draft.id, draft.body)
  },
  conflict: (_world, random, device) => {
    const draft = pick(random, device.sender.sent.slice(-6))
    if (draft !== undefined) void device.send(draft.to, draft.id, bodyOf(random))
  },
  /** To nobody. */
  'send-astray': (world, random, device) => {
    const domain = pick(random, ['nowhere.example', someone(world, random, device).split('@')[1]])
    void device.send(`nobody@${domain}`, newId(random), bodyOf(random))
  },
  publish: (_world, _random, device) => device.publisher.publish(true),
  unpublish: (_world, _random, device) => device.publisher.publish(false),
  fetch: (world, random, device) => {
    if (device.isAttached) device.watcher.fetch(someone(world, random, device))
  },
  watch: (world, random, device) => {
    device.watcher.subscribe(someone(world, random, device))
  },
  unwatch: (_world, random, device) => {
    const watched = pick(random, [...device.watcher.watched.values()])
    if (watched !== undefined) device.watcher.unsubscribe(watched)
  },
  renew: (_world, _random, device) => device.watcher.renew(),
  come: (world, random) => {
    const away = world.devices.filter(({ isAttached }) => !isAttached)
    void pick(random, away)?.attach()
  },
  leave: (_world, random, device) => {
    device.detach(random.number() < 0.5 ? 'release' : 'drop')
    // Nobody stays away for good.
    device.clock.after(between(random, 100, 20_000), () => {
      void device.attach()
    })
  },
} satisfies Record<string, Operate>

export type OperationKind = keyof typeof operations

export function operate(world: World, random: Random): OperationKind {
  const attached = world.devices.filter(({ isAttached }) => isAttached)
  const device = pick(random, attached.length > 0 ? attached : world.devices) as Device
  const kind = attached.length > 0 ? drawKind(random) : 'come'
  ;(operations[kind] as Operate)(world, random, device)
  return kind
}

const total = weights.reduce((sum, [, weight]) => sum + weight, 0)

function drawKind(random: Random): OperationKind {
  let left = random.number() * total
  for (const [kind, weight] of weights) {
    left -= weight
    if (left < 0) return kind
  }
  return 'send'
}
