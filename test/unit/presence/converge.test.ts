/**
 * Two domains and a link that comes and goes: whatever happens, each watcher ends with the last document, or knows that
 * nobody can vouch for one (RFC 2779 §3.2.3 to §3.2.5).
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { Subscriptions } from '../../../src/presence/subscriptions.ts'
import { Presentities } from '../../../src/presence/tuples.ts'
import type { Watch } from '../../../src/presence/watch.ts'
import { Watching } from '../../../src/presence/watching.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { address, domain, id, open, second, text } from './support.ts'

const [home, away] = [domain('a.example'), domain('b.example')]
const presentities = ['p0@a.example', 'p1@a.example'].map(address)
const watchers = ['w0@b.example', 'w1@b.example', 'w2@b.example'].map(address)
const limits = limitsWith({ subscriptionsPerWatcher: 3 })

/** What a session sees: a document, or that it is unknown. */
type View = { readonly presentity: Address; shown: string }

class World {
  readonly clock = new ManualClock()
  readonly random = seededRandom(7)
  readonly views = new Map<string, View>()
  isUp = true
  made = 0
  /** Of each presentity, the tags of what is published. */
  readonly tags = new Map<string, string[]>()
  presentities = this.makePresentities()
  subscriptions = this.makeSubscriptions()
  readonly watching: Watching = new Watching({
    clock: this.clock,
    random: this.random,
    limits,
    meter: new Meter(),
    work: () => this.work(),
    deliver: ({ watcher, id }, document) => {
      const view = this.views.get(`${watcher.text} ${id}`)
      if (view !== undefined) view.shown = text(document)
    },
    unknown: ({ watcher, id }) => {
      const view = this.views.get(`${watcher.text} ${id}`)
      if (view !== undefined) view.shown = 'unknown'
    },
    terminated: ({ watcher, id }) => {
      this.views.delete(`${watcher.text} ${id}`)
    },
  })

  makePresentities(): Presentities {
    return new Presentities({
      clock: this.clock,
      random: this.random,
      limits,
      meter: new Meter(),
      changed: (presentity) => this.subscriptions.changed(presentity),
    })
  }

  makeSubscriptions(): Subscriptions {
    return new Subscriptions({
      clock: this.clock,
      limits,
      meter: new Meter(),
      snapshotMs: 30_000,
      presence: (presentity) => this.presentities.presence(presentity),
      notify: ({ id, presentity }, document, version) => {
        // What is sent into a link that is already dead is lost.
        if (!this.isUp) return
        const from = home
        const status = this.watching.notified({ id, from, presentity }, document, version)
        if (status === 'lease-unknown') this.subscriptions.forget(away, id)
      },
    })
  }

  ask(watch: Watch): undefined {
    if (!this.isUp) return this.watching.subscribed(watch, 'remote-unreachable', 0)
    const { id, watcher, presentity, wantedSeconds: leaseSeconds } = watch
    const request = { id, watcher, presentity, leaseSeconds, state: 'active' } as const
    const answer = this.subscriptions.subscribe(request)
    const seconds = 'leaseSeconds' in answer ? answer.leaseSeconds : 0
    this.watching.subscribed(watch, answer.status, seconds)
  }

  work(): undefined {
    for (const watch of this.watching.dueToSubscribe(home, 10)) this.ask(watch)
    const renewals = this.watching.dueForRenewal(home, 10)
    const ids = renewals.map((one) => one.id)
    if (this.isUp)
      this.watching.renewed(renewals, this.subscriptions.renew(away, undefined, ids, 900))
    for (const watch of this.watching.dueToUnsubscribe(home, 10)) {
      if (!this.isUp) continue
      this.subscriptions.unsubscribe(watch.watcher, watch.id)
      this.watching.unsubscribed(watch)
    }
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100 * second) {
      await this.clock.advance(Math.min(left, 100 * second))
      // The clients are alive: they keep up what they want.
      for (const key of this.views.keys()) {
        const [watcher = '', id = ''] = key.split(' ')
        expect(this.watching.renew(address(watcher), [id], 900)).toEqual([900])
      }
    }
  }
}

type Step = (world: World) => Promise<void> | undefined

const person = fc.constantFrom(...presentities)
const tag = (world: World) => id(`tag${world.made++}`)

const publish = fc.tuple(person, fc.nat(2), fc.constantFrom(300, 900)).map(
  ([presentity, device, leaseSeconds]): Step =>
    (world) => {
      const etag = tag(world)
      const document = open(`d${device}.${world.made}`)
      const request = { publisher: presentity, presentity, etag, leaseSeconds, document }
      const answer = world.presentities.publish({ ...request, ifMatch: undefined })
      const tags = world.tags.get(presentity.text) ?? []
      if (answer.status === 'ok') world.tags.set(presentity.text, [...tags, etag])
    },
)

const edit = fc.tuple(person, fc.constantFrom('modify', 'refresh', 'remove')).map(
  ([presentity, kind]): Step =>
    (world) => {
      const ifMatch = world.tags.get(presentity.text)?.shift()
      if (ifMatch === undefined) return
      const etag = kind === 'modify' ? tag(world) : undefined
      const answer = world.presentities.publish({
        publisher: presentity,
        presentity,
        ifMatch,
        etag,
        leaseSeconds: kind === 'remove' ? 0 : 600,
        document: kind === 'modify' ? open(`m${world.made}`) : undefined,
      })
      if (answer.status === 'ok' && kind !== 'remove') {
        world.tags.get(presentity.text)?.push(etag ?? ifMatch)
      }
    },
)

const watch = fc.tuple(fc.constantFrom(...watchers), person, fc.nat(1)).map(
  ([watcher, presentity, n]): Step =>
    (world) => {
      const wish = id(`${presentity.user}${n}`)
      const key = `${watcher.text} ${wish}`
      const request = { id: wish, watcher, presentity, leaseSeconds: 900 }
      const answer = world.watching.watch(request)
      if ('detail' in answer) return
      world.views.set(key, {
        presentity,
        shown: answer.presence === undefined ? 'unknown' : text(answer.presence.document),
      })
      if (answer.mustSubscribe) world.ask(answer.watch)
    },
)

const unwatch = fc.nat(9).map(
  (n): Step =>
    (world) => {
      const key = [...world.views.keys()][n % Math.max(world.views.size, 1)]
      if (key === undefined) return
      const [watcher = '', wish = ''] = key.split(' ')
      world.watching.unwatch(address(watcher), wish)
      world.views.delete(key)
    },
)

const goDown = (world: World): undefined => {
  if (!world.isUp) return
  world.isUp = false
  world.subscriptions.pause(away, home)
  world.watching.linkLost(home, 45 * second)
}

/** The link is dead, and nobody knows yet: what is sent is lost. */
const dieSilently: Step = async (world) => {
  if (!world.isUp) return
  world.isUp = false
  await world.advance(20 * second)
  world.isUp = true
  goDown(world)
}

const goUp = (world: World): undefined => {
  if (world.isUp) return
  world.isUp = true
  world.subscriptions.resume(away, home)
  world.watching.linkUp(home, false)
}

/** The far process ends without a word: its publications and its subscriptions are gone. */
const restart = (world: World): undefined => {
  goDown(world)
  world.presentities.stop()
  world.subscriptions.stop()
  world.tags.clear()
  world.presentities = world.makePresentities()
  world.subscriptions = world.makeSubscriptions()
}

const wait = fc
  .constantFrom(1, 100, 1900, 2100, 31 * second, 50 * second, 400 * second, 1000 * second)
  .map(
    (ms): Step =>
      (world) =>
        world.advance(ms),
  )

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: publish },
    { weight: 4, arbitrary: edit },
    { weight: 4, arbitrary: watch },
    { weight: 2, arbitrary: unwatch },
    { weight: 1, arbitrary: fc.constantFrom<Step>(goDown, dieSilently, restart) },
    { weight: 2, arbitrary: fc.constant<Step>(goUp) },
    { weight: 4, arbitrary: wait },
  ),
  { minLength: 5, maxLength: 40 },
)

async function play(list: readonly Step[]): Promise<World> {
  const world = new World()
  for (const step of list) await step(world)
  return world
}

test('with a link, each watcher ends with the last document of whom it watches', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = await play(list)
      goUp(world)
      await world.advance(35 * second)
      for (const [key, { presentity, shown }] of world.views) {
        expect([key, shown]).toEqual([key, text(world.presentities.presence(presentity).document)])
      }
      // Nobody is watched whom nobody wants.
      const wanted = new Set(
        [...world.views].map(([key, v]) => key.split(' ')[0] + v.presentity.text),
      )
      expect(world.subscriptions.count(away)).toBe(wanted.size)
    }),
    { numRuns: 300 },
  )
}, 60_000)

test('without a link for 45 s, each watcher knows that nobody knows', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = await play(list)
      goDown(world)
      // Times of watches are whole seconds: 45 s, rounded up, and one second more where an errand ripens in that one.
      await world.advance(47 * second)
      for (const [key, { shown }] of world.views) expect([key, shown]).toEqual([key, 'unknown'])
    }),
    { numRuns: 100 },
  )
}, 60_000)

test('when nobody wants anything any more, nothing is left, no timer either', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = await play(list)
      goUp(world)
      for (const key of [...world.views.keys()]) {
        const [watcher = '', wish = ''] = key.split(' ')
        world.watching.unwatch(address(watcher), wish)
      }
      world.views.clear()
      await world.advance(2000 * second)
      expect([world.subscriptions.count(away), world.watching.count(home)]).toEqual([0, 0])
      expect(world.clock.pending).toBe(0)
    }),
    { numRuns: 100 },
  )
}, 60_000)
