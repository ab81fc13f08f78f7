/**
 * Two domains and a link that comes and goes: whatever happens, each watcher ends with the last document, or knows that
 * nobody can vouch for one (RFC 2779 §3.2.3 to §3.2.5).
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Address } from '../../../src/address/address.ts'
import { isSuccess } from '../../../src/errors.ts'
import { outcomeOf } from '../../../src/operation/call.ts'
import type { Hop } from '../../../src/operation/ports.ts'
import { PresenceStage } from '../../../src/presence/presence.ts'
import { dose } from '../../support/dose.ts'
import {
  accountsIn,
  address,
  ask,
  callerOf,
  domain,
  FakeHop,
  id,
  makeEnv,
  makePublish,
  makeSubscribe,
  open,
  type PublishWish,
  second,
  type Task,
  text,
  via,
} from './support.ts'

const [home, away] = [domain('a.example'), domain('b.example')]
const presentities = ['p0@a.example', 'p1@a.example'].map(address)
const watchers = ['w0@b.example', 'w1@b.example', 'w2@b.example'].map(address)

/** What a session sees: a document, or that it is unknown. */
type View = { readonly presentity: Address; shown: string }

class World {
  readonly env = makeEnv({ subscriptionsPerWatcher: 3 }, 7)
  readonly clock = this.env.clock
  readonly views = new Map<string, View>()
  isUp = true
  made = 0
  /** Of each presentity, the tags of what is published. */
  readonly tags = new Map<string, string[]>()
  /** The presentities' side, and how many subscriptions it holds. */
  there = this.makeThere()
  /** The watchers' side. */
  readonly here: PresenceStage = new PresenceStage(this.env, {
    accountOf: accountsIn(this.env.shares),
    isHosted: (name) => name === away,
    outside: new FakeHop(
      (task) => this.take(task),
      () => undefined,
    ),
    home: {
      isGone: () => false,
      notify: () => undefined,
      show: (watcher, wish, _, { state, presence }) => {
        const key = `${watcher.text} ${wish}`
        const view = this.views.get(key)
        if (state === 'terminated') this.views.delete(key)
        else if (view !== undefined) {
          view.shown = presence === undefined ? 'unknown' : text(presence.document)
        }
      },
    },
  })

  makeThere() {
    const env = { ...makeEnv(), clock: this.clock, random: this.env.random }
    const stage = new PresenceStage(env, {
      accountOf: accountsIn(env.shares),
      isHosted: (name) => name === home,
      outside: new FakeHop(
        () => undefined,
        (audience, only) => this.tell(audience, only),
      ),
      home: { isGone: () => false, notify: () => undefined, show: () => undefined },
    })
    const gauge = env.meter.gauges.get('presence_leases')?.get('of=subscription')
    return { stage, count: () => gauge?.value() ?? Number.NaN }
  }

  /** NOTIFY of the presentities' side. */
  tell(...[audience, only = '']: Parameters<Hop['notify']>): undefined {
    // What is sent into a link that is already dead is lost.
    if (!this.isUp) return
    const notice = audience.latest()
    if (notice === undefined) throw new Error('nothing to tell')
    const { presentity } = audience
    const about = { kind: 'notify', subscription: only, presentity, notice } as const
    const [outcome] = ask(
      (call) => this.here.notify(call),
      { ...about, audience: away },
      callerOf(presentity, 'domain'),
    )
    if (outcome === undefined) throw new Error('no answer')
    if (!isSuccess(outcome.status)) this.there.stage.refused(via, away, only, outcome)
  }

  /** What the watchers' side asks. */
  take({ operation, ended }: Task): undefined {
    if (!this.isUp) return ended(outcomeOf('remote-unreachable'))
    const { stage } = this.there
    const call = { caller: callerOf(watchers[0] as Address, 'domain'), at: 0, answer: ended }
    switch (operation.kind) {
      case 'subscribe':
        return stage.subscribe({ ...call, operation })
      case 'renew':
        return stage.renew({ ...call, operation })
      case 'unsubscribe':
        return stage.unsubscribe({ ...call, operation })
      case 'fetch':
        return stage.fetch({ ...call, operation })
    }
  }

  reach(isUp: boolean): undefined {
    this.isUp = isUp
    const change = { isUp, isNew: false, restMs: 0 }
    this.there.stage.reachable(via, home, away, change)
    this.here.reachable(via, away, home, change)
  }

  /** What one of the presentities is answered. */
  publish(presentity: Address, wish: PublishWish): string {
    const { stage } = this.there
    const operation = makePublish(presentity, wish)
    const [outcome] = ask((call) => stage.publish(call), operation, callerOf(presentity))
    return outcome?.status ?? 'no answer'
  }

  /** What is to be seen of `presentity`. */
  document(presentity: Address): string {
    const { stage } = this.there
    const hop = { hops: 1, unknownField: 0, fields: Buffer.alloc(0) }
    const operation = { kind: 'fetch', watcher: presentity, presentity, ...hop } as const
    const [outcome] = ask((call) => stage.fetch(call), operation, callerOf(presentity))
    return text(outcome?.answer?.presence?.document ?? Buffer.from('no answer'))
  }

  renew(watcher: Address, wish: string): readonly number[] | undefined {
    const of = { local: away, remote: undefined, watcher }
    const operation = { kind: 'renew', ...of, ids: [wish], leaseSeconds: 900 } as const
    const [outcome] = ask((call) => this.here.renew(call), operation, callerOf(watcher))
    return outcome?.answer?.leases
  }

  unwatch(key: string): undefined {
    const [of = '', wish = ''] = key.split(' ')
    const watcher = address(of)
    const operation = { ...makeSubscribe(wish, { watcher }), kind: 'unsubscribe' } as const
    ask((call) => this.here.unwatch(call), operation, callerOf(watcher))
    this.views.delete(key)
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100 * second) {
      await this.clock.advance(Math.min(left, 100 * second))
      // The clients are alive: they keep up what they want.
      for (const key of this.views.keys()) {
        const [watcher = '', wish = ''] = key.split(' ')
        expect(this.renew(address(watcher), wish)).toEqual([900])
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
      const entityTag = tag(world)
      const document = open(`d${device}.${world.made}`)
      const tags = world.tags.get(presentity.text) ?? []
      if (world.publish(presentity, { entityTag, leaseSeconds, document }) === 'ok')
        world.tags.set(presentity.text, [...tags, entityTag])
    },
)

const edit = fc.tuple(person, fc.constantFrom('modify', 'refresh', 'remove')).map(
  ([presentity, kind]): Step =>
    (world) => {
      const ifMatch = world.tags.get(presentity.text)?.shift()
      if (ifMatch === undefined) return
      const entityTag = tag(world)
      const wish: PublishWish =
        kind === 'modify'
          ? { ifMatch, entityTag, leaseSeconds: 600, document: open(`m${world.made}`) }
          : { ifMatch, leaseSeconds: kind === 'remove' ? 0 : 600 }
      if (world.publish(presentity, wish) !== 'ok' || kind === 'remove') return
      world.tags.get(presentity.text)?.push(kind === 'modify' ? entityTag : ifMatch)
    },
)

const watch = fc.tuple(fc.constantFrom(...watchers), person, fc.nat(1)).map(
  ([watcher, presentity, n]): Step =>
    (world) => {
      const about = { watcher, presentity, leaseSeconds: 900 }
      const wish = makeSubscribe(`${presentity.user}${n}`, about)
      const key = `${watcher.text} ${wish.id}`
      if (!world.views.has(key)) world.views.set(key, { presentity, shown: 'unknown' })
      const [outcome] = ask((call) => world.here.watch(call), wish, callerOf(watcher))
      if (outcome === undefined || !isSuccess(outcome.status)) world.views.delete(key)
    },
)

const unwatch = fc.nat(9).map(
  (n): Step =>
    (world) => {
      const key = [...world.views.keys()][n % Math.max(world.views.size, 1)]
      if (key !== undefined) world.unwatch(key)
    },
)

const goDown = (world: World): undefined => (world.isUp ? world.reach(false) : undefined)

const goUp = (world: World): undefined => (world.isUp ? undefined : world.reach(true))

/** The link is dead, and nobody knows yet: what is sent is lost. */
const dieSilently: Step = async (world) => {
  if (!world.isUp) return
  world.isUp = false
  await world.advance(20 * second)
  world.isUp = true
  goDown(world)
}

/** The far process ends without a word: its publications and its subscriptions are gone. */
const restart = (world: World): undefined => {
  goDown(world)
  world.there.stage.stop()
  world.tags.clear()
  world.there = world.makeThere()
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
        expect([key, shown]).toEqual([key, world.document(presentity)])
      }
      // Nobody is watched whom nobody wants.
      const wanted = new Set(
        [...world.views].map(([key, v]) => key.split(' ')[0] + v.presentity.text),
      )
      expect(world.there.count()).toBe(wanted.size)
    }),
    { numRuns: dose(300, 30) },
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
    { numRuns: dose(100, 20) },
  )
}, 60_000)

test('when nobody wants anything any more, nothing is left, no timer either', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = await play(list)
      goUp(world)
      for (const key of [...world.views.keys()]) world.unwatch(key)
      await world.advance(2000 * second)
      expect([world.there.count(), world.here.isUsed(home)]).toEqual([0, false])
      expect(world.clock.pending).toBe(0)
    }),
    { numRuns: dose(100, 20) },
  )
}, 60_000)
