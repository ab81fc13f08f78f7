/**
 * What every channel keeps, whatever carries it. The real ones and the one in memory run the same lines.
 *
 * In:    how to open a pair that nobody has started, and how to wait for something to become true on it.
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Channel, ChannelEvents } from '../../src/link/channel.ts'

export type ContractPair = {
  readonly initiating: Channel
  readonly receiving: Channel
  /** Lets things happen until `condition` holds. */
  readonly until: (condition: () => boolean) => Promise<void>
  readonly stop: () => Promise<void>
}

/** Writes down what a channel tells. */
export class Heard {
  readonly log: string[] = []
  readonly chunks: Buffer[] = []
  readonly details: string[] = []
  bytes = 0
  drained = 0
  readonly events: ChannelEvents = {
    data: (chunk) => {
      this.log.push('data')
      this.chunks.push(Buffer.from(chunk))
      this.bytes += chunk.length
    },
    drained: () => {
      this.log.push('drained')
      this.drained++
    },
    closed: (detail) => {
      this.log.push('closed')
      this.details.push(detail)
    },
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  get closed(): number {
    return this.details.length
  }
}

export function start(channel: Channel): Heard {
  const heard = new Heard()
  channel.start(heard.events)
  return heard
}

/** More than any two systems hold between them. */
const tooMuch = 48 * 1024 * 1024

export function channelContract(name: string, open: () => Promise<ContractPair>): void {
  const opened = async (): Promise<ContractPair> => {
    const pair = await open()
    onTestFinished(() => pair.stop())
    return pair
  }
  /** A whole round trip on a pair of its own: time enough for what must not happen. */
  const meanwhile = async (): Promise<void> => {
    const { initiating, receiving, until } = await opened()
    const there = start(receiving)
    const back = start(initiating)
    initiating.write([Buffer.from('ping')])
    await until(() => there.text === 'ping')
    receiving.write([Buffer.from('pong')])
    await until(() => back.text === 'pong')
  }

  describe(`the contract of a channel: ${name}`, () => {
    test('bytes arrive whole and in order, both ways at once', async () => {
      const { initiating, receiving, until } = await opened()
      const a = start(initiating)
      const b = start(receiving)
      for (let i = 0; i < 500; i++) {
        initiating.write([Buffer.from(`a${i};`)])
        receiving.write([Buffer.from(`b${i};`), Buffer.from('-')])
      }
      const all = (make: (i: number) => string) =>
        Array.from({ length: 500 }, (_, i) => make(i)).join('')
      await until(() => a.text === all((i) => `b${i};-`) && b.text === all((i) => `a${i};`))
    })

    test('many parts are one stream', async () => {
      const { initiating, receiving, until } = await opened()
      const b = start(receiving)
      start(initiating)
      const parts = Array.from({ length: 1000 }, (_, i) => Buffer.alloc(i % 7, i % 256))
      initiating.write(parts)
      const whole = Buffer.concat(parts)
      await until(() => b.bytes === whole.length)
      expect(Buffer.concat(b.chunks).equals(whole)).toBe(true)
    })

    test('nothing is told before start, and what came before is told after it', async () => {
      const { initiating, receiving, until } = await opened()
      start(initiating)
      initiating.write([Buffer.from('early')])
      await meanwhile()
      const b = start(receiving)
      expect(b.log).toEqual([])
      await until(() => b.text === 'early')
    })

    test('every write is followed by drained, and then nothing is queued', async () => {
      const { initiating, receiving, until } = await opened()
      start(receiving)
      const a = start(initiating)
      for (let i = 1; i <= 5; i++) {
        const before = a.drained
        initiating.write([Buffer.alloc(100)])
        await until(() => a.drained > before)
        expect(initiating.queued()).toBe(0)
      }
    })

    test('drained is told when nothing is left, not for each of several writes', async () => {
      const { initiating, receiving, until } = await opened()
      const b = start(receiving)
      const left: number[] = []
      initiating.start({
        data: () => undefined,
        drained: () => {
          left.push(initiating.queued())
        },
        closed: () => undefined,
      })
      const part = Buffer.alloc(1_000_000)
      for (let i = 0; i < 5; i++) initiating.write([part])
      await until(() => b.bytes === 5_000_000 && left.length > 0)
      expect(new Set(left)).toEqual(new Set([0]))
    })

    test('what the far side does not read stays queued, and drained waits for it', async () => {
      const { initiating, receiving, until } = await opened()
      const a = start(initiating)
      const part = Buffer.alloc(tooMuch / 16, 'x')
      initiating.write(new Array<Buffer>(16).fill(part))
      expect(initiating.queued()).toBeGreaterThan(0)
      await meanwhile()
      expect(initiating.queued()).toBeGreaterThan(0)
      expect(a.drained).toBe(0)
      const b = start(receiving)
      await until(() => a.drained > 0)
      expect(initiating.queued()).toBe(0)
      await until(() => b.bytes === tooMuch)
    })

    test('end lets out what was written, then both sides hear closed, last and once', async () => {
      const { initiating, receiving, until } = await opened()
      const a = start(initiating)
      const b = start(receiving)
      const bytes = Buffer.alloc(1_000_000, 'y')
      initiating.write([bytes])
      initiating.end()
      initiating.write([Buffer.from('not this')])
      await until(() => a.closed > 0 && b.closed > 0)
      await meanwhile()
      expect(b.bytes).toBe(bytes.length)
      expect([a.closed, a.log.at(-1), a.details[0]]).toEqual([1, 'closed', 'ended by this side'])
      expect([b.closed, b.log.at(-1), b.details[0]]).toEqual([1, 'closed', 'ended by the far side'])
    })

    test('the side that ended hears no more data', async () => {
      const { initiating, receiving, until } = await opened()
      const a = start(initiating)
      const b = start(receiving)
      receiving.write([Buffer.from('too late')])
      initiating.end()
      receiving.write([Buffer.alloc(100_000)])
      await until(() => a.closed > 0 && b.closed > 0)
      expect(a.bytes).toBe(0)
    })

    test('destroy closes both sides', async () => {
      const { initiating, receiving, until } = await opened()
      const a = start(initiating)
      const b = start(receiving)
      initiating.write([Buffer.alloc(100_000)])
      initiating.destroy()
      await until(() => a.closed > 0 && b.closed > 0)
      await meanwhile()
      expect(a.log).toEqual(['closed'])
      expect(a.details).toEqual(['destroyed by this side'])
      expect([b.closed, b.log.at(-1)]).toEqual([1, 'closed'])
    })

    test('writing, ending and destroying are harmless after the end', async () => {
      const { initiating, receiving, until } = await opened()
      const a = start(initiating)
      const b = start(receiving)
      initiating.end()
      initiating.end()
      initiating.write([Buffer.from('late')])
      await until(() => a.closed > 0 && b.closed > 0)
      for (const channel of [initiating, receiving]) {
        channel.write([Buffer.from('later')])
        channel.end()
        channel.destroy()
        channel.destroy()
      }
      await meanwhile()
      expect([a.closed, b.closed, b.bytes]).toEqual([1, 1, 0])
      expect([initiating.queued(), receiving.queued()]).toEqual([0, 0])
    })

    test('writing from inside an event is harmless, also when that event is the last', async () => {
      const { initiating, receiving, until } = await opened()
      const a = start(initiating)
      const heard: string[] = []
      receiving.start({
        data: (chunk) => {
          heard.push(chunk.toString())
          receiving.write([Buffer.from('answer')])
        },
        drained: () => {
          if (!heard.includes('drained')) receiving.write([Buffer.from('.')])
          heard.push('drained')
        },
        closed: () => {
          heard.push('closed')
          receiving.write([Buffer.from('nobody')])
          receiving.destroy()
        },
      })
      initiating.write([Buffer.from('ask')])
      await until(() => a.text === 'answer.')
      initiating.end()
      await until(() => heard.includes('closed') && a.closed > 0)
      expect(heard.filter((what) => what === 'closed')).toHaveLength(1)
    })

    test('nothing comes while it is paused, and all of it afterwards', async () => {
      const { initiating, receiving, until } = await opened()
      start(initiating)
      const heard = start(receiving)
      initiating.write([Buffer.from('one')])
      await until(() => heard.text === 'one')
      receiving.pause()
      initiating.write([Buffer.from('two')])
      await meanwhile()
      initiating.write([Buffer.from('three')])
      await meanwhile()
      expect(heard.text).toBe('one')
      receiving.resume()
      await until(() => heard.text === 'onetwothree')
    })

    test('one that is paused inside its event gets no further chunk', async () => {
      const { initiating, receiving, until } = await opened()
      start(initiating)
      const heard: number[] = []
      receiving.start({
        data: (chunk) => {
          heard.push(chunk.length)
          return receiving.pause()
        },
        drained: () => undefined,
        closed: () => undefined,
      })
      initiating.write([Buffer.alloc(1_000_000)])
      await until(() => heard.length > 0)
      await meanwhile()
      expect(heard).toHaveLength(1)
      receiving.resume()
      await until(() => heard.length === 2)
    })

    test('one that is paused can be ended, and is told', async () => {
      const { initiating, receiving, until } = await opened()
      const a = start(initiating)
      const b = start(receiving)
      receiving.pause()
      initiating.write([Buffer.from('unread')])
      await meanwhile()
      receiving.end()
      await until(() => a.closed > 0 && b.closed > 0)
      expect(b.bytes).toBe(0)
    })

    test('a close before start is told after it, and not inside it', async () => {
      const { initiating, receiving, until } = await opened()
      initiating.destroy()
      receiving.destroy()
      await meanwhile()
      const a = start(initiating)
      expect(a.log).toEqual([])
      await until(() => a.closed > 0)
      expect(a.log).toEqual(['closed'])
    })

    test('both ends have the same binding, or none', async () => {
      const { initiating, receiving } = await opened()
      const other = await opened()
      expect(initiating.facts.binding).toEqual(receiving.facts.binding)
      if (initiating.facts.binding === undefined) return
      expect(initiating.facts.binding).toHaveLength(32)
      expect(other.initiating.facts.binding).not.toEqual(initiating.facts.binding)
    })
  })
}
