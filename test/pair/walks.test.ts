/**
 * The three walks of `docs/architecture.md`, followed: the calls on the stack when a request is handed to the link by which
 * it leaves say which rooms it has passed, in their order.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Link } from '../../src/link/link.ts'
import type { Session } from '../../src/peer/session.ts'
import { calledWhile } from '../support/called.ts'
import * as wire from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World } from '../support/script/world.ts'

const { command, tag } = wire
const page = readFileSync(join(import.meta.dirname, '../../docs/architecture.md'), 'utf8')

/** The rooms that the page draws for a walk. `delivery ⇄ store` is delivery, store, and delivery again. */
function drawn(walk: string): readonly string[] {
  const line = page.split('\n').find((one) => one.trim().startsWith(walk))
  if (line === undefined) throw new Error(`the page does not draw "${walk}"`)
  return line
    .trim()
    .slice(walk.length)
    .split('─▶')
    .flatMap((step) => {
      const [room = '', asked] = step.split('⇄').map((one) => one.trim())
      return asked === undefined ? [room] : [room, asked, room]
    })
}

/** Whoever stands below the rooms, or only holds what travels. */
const floor = new Set(
  'link wire command credential lib shares limits operation address errors'.split(' '),
)

/** The rooms on a stack, from the door on; of `route` the file, since both its ends are on the way. */
function roomsOf(stack: string): readonly string[] {
  const rooms = [...stack.matchAll(/\/src\/((?:[\w-]+\/)*[\w-]+)\.ts/g)]
    .map(([, file = '']) => file.split('/'))
    .map((parts) => (parts[0] === 'route' ? parts.join('/') : (parts[0] ?? '')))
    .filter((room) => !floor.has(room))
    .reverse()
  return rooms.filter((room, i) => room !== rooms[i - 1])
}

/** The rooms of each request that is handed to the link of `session` from now on. */
function followed({ link }: Session): readonly (readonly string[])[] {
  const walks: (readonly string[])[] = []
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 200
  onTestFinished(() => {
    Error.stackTraceLimit = stackTraceLimit
  })
  link.ask = (outgoing) => {
    walks.push(roomsOf(new Error('here').stack ?? ''))
    return Link.prototype.ask.call(link, outgoing)
  }
  return walks
}

/** What runs meanwhile, beside the floor: rooms, of `route` the files; and what of the map, which joins them and is done. */
async function passed(act: () => Promise<void>) {
  const called = await calledWhile(act)
  const rooms = called.flatMap((one) => roomsOf(`/src/${one.split(':')[0]}`))
  return {
    rooms: [...new Set(rooms)].sort(),
    ofTheMap: called.filter((one) => one.startsWith('gateway.ts')),
  }
}

/** What a walk draws, and who is asked on the way and tells back. */
const drawnWith = (walk: string, ...asked: readonly string[]): readonly string[] =>
  [...new Set([...drawn(walk), ...asked])].sort()

const sessionOf = (world: World, role: 'gateway' | 'client'): Session => {
  const found = [...world.gateway.sessions.all].find((session) => session.role === role)
  if (found === undefined) throw new Error(`no link with a ${role}`)
  return found
}

async function publish(world: World, client: ScriptedPeer): Promise<void> {
  client.ask(wire.pres, {
    command: command.publish,
    fields: [[tag.entityTag, messageId('etag')]],
    body: Buffer.from('{"tuples":{"t":{"basic":"open"}}}'),
  })
  await world.run()
}

describe('the walk of', () => {
  test('a message from a peer to our user', async () => {
    const world = new World()
    await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    await world.run()
    const walks = followed(sessionOf(world, 'client'))
    // A first one, so that nothing has to be looked up.
    peer.message({ sequence: 1 })
    await world.run()
    const seen = await passed(async () => {
      peer.message({ sequence: 2 })
      await world.run()
    })
    const walk = 'a message from a peer to our user'
    expect(walks).toEqual([drawn(walk), drawn(walk)])
    expect(seen).toEqual({ rooms: drawnWith(walk, 'policy'), ofTheMap: [] })
  })

  test('a message of ours to a peer', async () => {
    const world = new World()
    const bob = await world.attached()
    await world.provenPeer()
    const walks = followed(sessionOf(world, 'gateway'))
    const seen = await passed(async () => {
      bob.message({ reference: 0, sequence: 0, id: messageId('out'), to: 'alice@a.example' })
      await world.run()
    })
    const walk = 'a message of ours to a peer'
    expect(walks).toEqual([drawn(walk)])
    expect(seen).toEqual({ rooms: drawnWith(walk, 'policy'), ofTheMap: [] })
  })

  test('a change of presence to a remote watcher', async () => {
    const world = new World()
    const bob = await world.attached()
    const peer = await world.provenPeer()
    peer.show(1, 'alice@a.example')
    peer.ask(wire.pres, {
      command: command.subscribe,
      hops: 1,
      reference: 1,
      fields: [
        [tag.to, 'bob@b.example'],
        [tag.subscription, messageId('watch')],
      ],
    })
    await world.run(world.limits.notifyMs + 1000)
    const walks = followed(sessionOf(world, 'gateway'))
    const seen = await passed(() => publish(world, bob))
    const walk = 'a change of presence to a remote watcher'
    expect(walks).toEqual([drawn(walk)])
    expect(seen).toEqual({ rooms: drawnWith(walk, 'policy'), ofTheMap: [] })
  })

  test('a change of presence to a watcher of ours goes by home, as all that is for our users', async () => {
    const world = new World()
    const bob = await world.attached()
    const carol = await world.attached('carol@b.example')
    carol.ask(wire.pres, {
      command: command.subscribe,
      fields: [
        [tag.to, 'bob@b.example'],
        [tag.subscription, messageId('watch')],
      ],
    })
    await world.run(world.limits.notifyMs + 1000)
    const before = carol.requestsOf(command.notify).length
    const [ofBob, ofCarol] = [...world.gateway.sessions.all].map(followed)
    const seen = await passed(() => publish(world, bob))
    expect([ofBob, ofCarol]).toEqual([[], [['peer', 'route/receive', 'presence', 'home', 'peer']]])
    expect(seen.rooms).toEqual(['home', 'peer', 'policy', 'presence', 'route/receive'])
    expect([seen.ofTheMap, world.dialled]).toEqual([[], []])
    expect(carol.requestsOf(command.notify).length).toBe(before + 1)
  })
})

test('no walk passes a room twice, or gateway.ts', () => {
  for (const walk of [
    'a message from a peer to our user',
    'a message of ours to a peer',
    'a change of presence to a remote watcher',
  ]) {
    // The door and the adapter are one room of ours; who is asked tells back.
    const inner = drawn(walk)
      .slice(1, -1)
      .join(' ')
      .replace('delivery store delivery', 'delivery store')
    const rooms = inner.split(' ')
    expect(new Set(rooms).size).toBe(rooms.length)
    expect(rooms).not.toContain('gateway')
    expect(rooms).not.toContain('peer')
  }
})
