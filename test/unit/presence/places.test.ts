/** Places are taken by what is held, and by nothing else: whatever happens, they come back. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answered, outcomeOf } from '../../../src/operation/call.ts'
import type { Held } from '../../../src/shares/account.ts'
import { dose } from '../../support/dose.ts'
import {
  address,
  ask,
  callerOf,
  domain,
  hour,
  id,
  makePublish,
  makeStage,
  makeSubscribe,
  open,
  reach,
  type Staged,
  via,
} from './support.ts'

const ours = ['u0@a.example', 'u1@a.example', 'u2@a2.example'].map(address)
const others = ['v0@b.example', 'v1@b.example', 'v2@known.example', 'v3@c.example'].map(address)
const remotes = ['b.example', 'known.example', 'c.example'].map(domain)

const used = ({ shares }: Staged, resource: Held): number => shares.used(shares.tree.all, resource)

type Step = (staged: Staged) => unknown

const ourUser = fc.constantFrom(...ours)
const other = fc.constantFrom(...others.slice(1, 3))
const anybody = fc.constantFrom(...ours, ...others)
const name = fc.integer({ min: 0, max: 4 }).map(String)
const leaseSeconds = fc.constantFrom(300, 3600, 86_400)

const subscribe = fc.record({ name, watcher: anybody, presentity: ourUser, leaseSeconds }).map(
  ({ name, ...of }): Step =>
    ({ stage }) =>
      ask((call) => stage.subscribe(call), makeSubscribe(name, of), callerOf(of.watcher)),
)

const unsubscribe = fc.record({ name, watcher: anybody }).map(
  ({ name, watcher }): Step =>
    ({ stage }) =>
      ask(
        (call) => stage.unsubscribe(call),
        { ...makeSubscribe(name, { watcher }), kind: 'unsubscribe' },
        callerOf(watcher),
      ),
)

const watch = fc.record({ name, watcher: ourUser, presentity: other, leaseSeconds }).map(
  ({ name, ...of }): Step =>
    ({ stage }) =>
      ask((call) => stage.watch(call), makeSubscribe(name, of), callerOf(of.watcher)),
)

const unwatch = fc.record({ name, watcher: ourUser }).map(
  ({ name, watcher }): Step =>
    ({ stage }) =>
      ask(
        (call) => stage.unwatch(call),
        { ...makeSubscribe(name, { watcher }), kind: 'unsubscribe' },
        callerOf(watcher),
      ),
)

/** Another domain answers what it was asked, in any order. */
const answer = fc.record({ at: fc.nat(), isGranted: fc.boolean() }).map(
  ({ at, isGranted }): Step =>
    ({ asked }) => {
      const [task] = asked.length === 0 ? [] : asked.splice(at % asked.length, 1)
      const leases =
        task?.operation.kind === 'renew' ? task.operation.ids.map((_, n) => n * 300) : []
      task?.ended(isGranted ? answered('ok', { leaseSeconds: 3600, leases }) : outcomeOf('refused'))
    },
)

const end = fc
  .record({ at: fc.nat(), event: fc.constantFrom('probation', 'rejected', 'timeout') })
  .map(
    ({ at, event }): Step =>
      ({ stage, asked }) => {
        const operation = asked[at % Math.max(1, asked.length)]?.operation
        if (operation?.kind !== 'subscribe') return
        const { id: subscription, presentity, watcher } = operation
        const notice = { state: 'terminated', event, presence: undefined } as const
        const notify = {
          kind: 'notify',
          subscription,
          presentity,
          audience: watcher.domain,
        } as const
        ask((call) => stage.notify(call), { ...notify, notice }, callerOf(presentity, 'domain'))
      },
  )

const publish = fc
  .record({ user: ourUser, name, leaseSeconds: fc.constantFrom(300, 3600), isOver: fc.boolean() })
  .map(
    ({ user, name, leaseSeconds, isOver }): Step =>
      ({ stage }) => {
        const wish = isOver
          ? { ifMatch: id(name), leaseSeconds: 0 }
          : { entityTag: id(name), document: open(`t${name}`), leaseSeconds }
        return ask((call) => stage.publish(call), makePublish(user, wish), callerOf(user))
      },
  )

const remote = fc.constantFrom(...remotes)
const reached = fc.record({ remote, isUp: fc.boolean(), isNew: fc.boolean() }).map(
  ({ remote, ...change }): Step =>
    (staged) =>
      reach(staged, remote, change),
)
const refused = fc.record({ remote, name }).map(
  ({ remote, name }): Step =>
    ({ stage }) =>
      stage.refused(via, remote, id(name), outcomeOf('lease-unknown')),
)
const barred = remote.map(
  (name): Step =>
    ({ stage }) =>
      stage.bar((domain) => domain === name),
)
const passed = fc.integer({ min: 1, max: 4000 }).map(
  (seconds): Step =>
    ({ clock }) =>
      clock.advance(seconds * 1000),
)

const step = fc.oneof(
  { weight: 8, arbitrary: subscribe },
  { weight: 2, arbitrary: unsubscribe },
  { weight: 6, arbitrary: watch },
  { weight: 4, arbitrary: unwatch },
  { weight: 6, arbitrary: answer },
  { weight: 2, arbitrary: end },
  { weight: 3, arbitrary: publish },
  { weight: 2, arbitrary: reached },
  { weight: 1, arbitrary: refused },
  { weight: 1, arbitrary: barred },
  { weight: 2, arbitrary: passed },
)

const gauge = ({ meter }: Staged, name: string, of?: string): number => {
  let sum = 0
  for (const { labels, value } of meter.gauges.get(name)?.values() ?? []) {
    if (of === undefined || labels['of'] === of) sum += value()
  }
  return sum
}

test('whatever is asked for, renewed, refused, barred, shed or lapses, no place is lost or given back twice', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }),
      fc.constantFrom(12, 1000),
      fc.boolean(),
      async (steps, subscriptions, isStopped) => {
        const limits = { subscriptions, presentities: 2, subscriptionsPerWatcher: 4, notifyMs: 0 }
        const staged = makeStage(limits)
        for (const one of steps) {
          await one(staged)
          const held = used(staged, 'subscriptions')
          const least = gauge(staged, 'presence_leases', 'subscription')
          const wishes = gauge(staged, 'presence_leases', 'interest')
          expect(held).toBeGreaterThanOrEqual(least + wishes)
          expect(held).toBeLessThanOrEqual(least + wishes + gauge(staged, 'presence_watches'))
          expect(used(staged, 'presentities')).toBe(gauge(staged, 'presence_presentities'))
          expect(held).toBeLessThanOrEqual(subscriptions)
        }
        if (isStopped) staged.stage.stop()
        else {
          // The longest lease, and as long again for what nobody says that it forgot.
          await staged.clock.advance(50 * hour)
        }
        expect(used(staged, 'subscriptions')).toBe(0)
        expect(used(staged, 'presentities')).toBe(0)
      },
    ),
    { numRuns: dose(150, 30) },
  )
}, 60_000)
