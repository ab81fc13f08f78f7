import { describe, expect, test } from 'vitest'
import { nowhere, TimerWheel } from '../../../src/lib/timer-wheel.ts'
import { ManualClock } from '../../support/manual-clock.ts'

type Item = { readonly name: string; slot: number }

const item = (name: string): Item => ({ name, slot: nowhere })

function makeWheel(tickMs = 1000) {
  const clock = new ManualClock()
  const due: string[] = []
  const wheel: TimerWheel<'slot', Item> = new TimerWheel({
    clock,
    tickMs,
    field: 'slot',
    due: ({ name }) => {
      due.push(`${name} ${clock.now()}`)
    },
  })
  return { clock, due, wheel }
}

describe('timer wheel', () => {
  test.for([
    [0, 1000],
    [1, 1000],
    [1000, 1000],
    [1001, 2000],
    [86_400_000, 86_400_000],
  ] as const)('an item for %i ms is due at %i ms', async ([at, expected]) => {
    const { clock, due, wheel } = makeWheel()
    wheel.set(item('a'), at)
    await clock.advance(expected - 1)
    expect(due).toEqual([])
    await clock.advance(1)
    expect(due).toEqual([`a ${expected}`])
  })

  test('an item that is set again is due at its new time only, earlier or later', async () => {
    const { clock, due, wheel } = makeWheel()
    const [early, late] = [item('early'), item('late')]
    wheel.set(early, 50_000)
    wheel.set(late, 2000)
    await clock.advance(1000)
    wheel.set(early, 5000)
    wheel.set(late, 60_000)
    await clock.advance(100_000)
    expect(due).toEqual(['early 5000', 'late 60000'])
  })

  test('an item that is due before all others is not late', async () => {
    const { clock, due, wheel } = makeWheel()
    wheel.set(item('later'), 10_000)
    wheel.set(item('sooner'), 5000)
    await clock.advance(20_000)
    expect(due).toEqual(['sooner 5000', 'later 10000'])
  })

  test('a long wait costs no timer but its own', async () => {
    const clock = new ManualClock()
    let armed = 0
    const wheel: TimerWheel<'slot', Item> = new TimerWheel({
      clock: {
        ...clock,
        after: (ms, task) => {
          armed++
          return clock.after(ms, task)
        },
      },
      tickMs: 1000,
      field: 'slot',
      due: () => undefined,
    })
    wheel.set(item('a'), 86_400_000)
    await clock.advance(86_400_000)
    expect([armed, wheel.size]).toEqual([1, 0])
  })

  test('a deleted item is never due, and deleting twice is harmless', async () => {
    const { clock, due, wheel } = makeWheel()
    const a = item('a')
    wheel.set(a, 5000)
    wheel.delete(a)
    wheel.delete(a)
    await clock.advance(10_000)
    expect([due, wheel.size]).toEqual([[], 0])
  })

  test('the timer runs only while something waits', async () => {
    const { clock, wheel } = makeWheel()
    expect(clock.pending).toBe(0)
    wheel.set(item('a'), 3000)
    expect(clock.pending).toBe(1)
    await clock.advance(5000)
    expect(clock.pending).toBe(0)
    wheel.set(item('b'), 9000)
    wheel.stop()
    expect([clock.pending, wheel.size]).toEqual([0, 0])
  })

  test('an item can set itself again while it is due', async () => {
    const clock = new ManualClock()
    const times: number[] = []
    const wheel: TimerWheel<'slot', Item> = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'slot',
      due: (it) => {
        times.push(clock.now())
        if (times.length < 3) wheel.set(it, clock.now())
      },
    })
    wheel.set(item('a'), 1500)
    await clock.advance(10_000)
    expect(times).toEqual([2000, 3000, 4000])
  })

  test('one that deletes another which is due at the same time prevents it', async () => {
    const clock = new ManualClock()
    const due: string[] = []
    const [a, b] = [item('a'), item('b')]
    const wheel: TimerWheel<'slot', Item> = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'slot',
      due: (it) => {
        due.push(it.name)
        wheel.delete(it === a ? b : a)
      },
    })
    wheel.set(a, 1000)
    wheel.set(b, 1000)
    await clock.advance(5000)
    expect([due, wheel.size, clock.pending]).toEqual([['a'], 0, 0])
  })

  test('ten thousand items of one tick are due in several turns at the same second', async () => {
    const { clock, due, wheel } = makeWheel()
    for (let i = 0; i < 10_000; i++) wheel.set(item(String(i)), 7000)
    let inFirstTurn = 0
    clock.after(7000, () => {
      inFirstTurn = due.length
    })
    await clock.advance(7000)
    expect(inFirstTurn).toBeLessThan(10_000)
    expect(due).toHaveLength(10_000)
    expect(due.at(-1)).toBe('9999 7000')
  })
})
