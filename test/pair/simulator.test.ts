/** The simulator itself: it repeats, it does enough, and it notices what is wrong. */
import { describe, expect, test } from 'vitest'
import type { Showing } from '../support/simulator/journal.ts'
import { runSeed } from '../support/simulator/run-seed.ts'
import { reportOf } from '../support/simulator/seeds.ts'
import type { World } from '../support/simulator/world.ts'

test('the same seed twice is the same run, line by line', async () => {
  const [first, second] = [await runSeed(17), await runSeed(17)]
  expect(second.trace).toEqual(first.trace)
  expect(second.trace.length).toBeGreaterThan(500)
})

test('two seeds are two runs', async () => {
  const [first, second] = [await runSeed(18), await runSeed(19)]
  expect(second.trace).not.toEqual(first.trace)
})

/** Lies to the oracles, one at a time: what a gateway with that fault would make them see. */
const lies: readonly (readonly [lie: string, complaint: string, tell: (world: World) => void])[] = [
  [
    'a session sees a message twice',
    'repeated',
    ({ journal }) => {
      onShowing(journal.showings, 30, (showing, push) => {
        push(showing)
        push({ ...showing, serial: journal.next() })
      })
    },
  ],
  [
    'nobody sees a message that was told as delivered',
    'untrue',
    ({ journal }) => onShowing(journal.showings, 30, () => undefined),
  ],
  [
    'somebody else sees a message',
    'forged',
    ({ journal }) => {
      onShowing(journal.showings, 30, (showing, push) =>
        push({ ...showing, user: 'eve@a.example' }),
      )
    },
  ],
  [
    'a message overtakes another',
    'order',
    ({ journal }) => {
      // What a session sees comes in pairs, the second one first.
      const held = new Map<string, Showing>()
      onShowing(journal.showings, 1, (showing, push) => {
        const before = held.get(showing.session)
        if (before === undefined) held.set(showing.session, showing)
        else {
          held.delete(showing.session)
          push(showing)
          push(before)
        }
      })
    },
  ],
  [
    'a refused message is seen',
    'repeated',
    ({ journal }) => {
      const { push } = journal.attempts
      journal.attempts.push = (attempt) => {
        const told = new Proxy(attempt, {
          get: (target, name: keyof typeof attempt) =>
            name === 'answer' && target.answer === 'delivered' ? 'refused' : target[name],
        })
        return push.call(journal.attempts, told)
      }
    },
  ],
  [
    'a message is never answered',
    'answers',
    ({ journal }) => {
      const { push } = journal.attempts
      journal.attempts.push = (attempt) => {
        const silent = Object.defineProperty({ ...attempt }, 'answers', { value: 0 })
        return push.call(journal.attempts, journal.attempts.length === 40 ? silent : attempt)
      }
    },
  ],
  [
    'a watcher is never told',
    'presence',
    ({ devices }) => {
      for (const { watcher } of devices) watcher.notified = () => undefined
    },
  ],
  [
    'credit is spent that was not given',
    'credit',
    ({ network }) => {
      network.onWire = ({ ledgers }) => {
        for (const { bytes } of Object.values(ledgers)) bytes[1] = (bytes[1] ?? 0) - 60_000
      }
    },
  ],
  [
    'a body stands in the log',
    'secret',
    ({ trace }) => {
      trace.log('a').info('message.sent', { body: 'canary 1' })
    },
  ],
  [
    'a token stands in a label',
    'secret',
    ({ sites, scheduler }) => {
      scheduler.clock().after(1000, () => {
        sites[0]?.meters.at(-1)?.counter('tokens_total', { token: 'eyJhbGciOiJFZDI1NTE5In0' })
      })
    },
  ],
  [
    'a timer is left behind',
    'timers',
    ({ sites }) => {
      for (const site of sites) {
        const { start } = site
        site.start = () => {
          const run = start.call(site)
          run.clock.after(86_400_000, () => undefined)
          return run
        }
      }
    },
  ],
  [
    'a task throws',
    'thrown',
    ({ scheduler }) => {
      scheduler.clock().after(5000, () => {
        throw new Error('a gateway would have ended here')
      })
    },
  ],
  [
    'a gateway finds a fault of its own',
    'thrown',
    ({ trace }) => {
      trace.log('a').error('request.answered-twice', { command: 'message' })
    },
  ],
  [
    'a connection is left open',
    'links',
    ({ network, sites, scheduler }) => {
      scheduler.clock().after(20_000, () => {
        const [a, b] = sites
        if (a === undefined || b === undefined) return
        network
          .dial({
            from: a.name,
            fromIp: a.ip,
            ip: b.ip,
            port: 5279,
            domain: b.operators[0].domain,
            service: 'im',
            clock: scheduler.clock(),
            signal: new AbortController().signal,
          })
          .catch(() => undefined)
      })
    },
  ],
]

describe('the oracles notice', () => {
  test.for(lies)('that %s', async ([, complaint, tell]) => {
    // A lie may meet a run in which it makes no difference; in three of them it does not.
    const found: string[] = []
    for (const seed of [1, 2, 3]) {
      const { broken } = await runSeed(seed, {
        prepare: (world) => {
          tell(world)
          return undefined
        },
      })
      found.push(...broken)
    }
    expect(found.some((what) => what.includes(complaint))).toBe(true)
  })
})

test('a seed that breaks something is told with its trace and how to repeat it', async () => {
  const result = await runSeed(5, {
    prepare: ({ trace }) => {
      trace.log('a').info('message.sent', { body: 'canary 1' })
      return undefined
    },
  })
  const report = reportOf(result, 50)
  expect(report).toContain('seed 5 breaks 1 promises')
  expect(report).toContain('SEED=5 npx vitest')
  expect(report.split('\n').length).toBeGreaterThan(50)
})

/** Each `one` in so many showings is written down as `change` wants. */
function onShowing(
  showings: Showing[],
  one: number,
  change: (showing: Showing, push: (showing: Showing) => void) => void,
): void {
  const push = (showing: Showing): number => Array.prototype.push.call(showings, showing)
  let count = 0
  showings.push = (showing) => {
    count++
    if (count % one === 0) change(showing as Showing, push)
    else push(showing as Showing)
    return showings.length
  }
}
