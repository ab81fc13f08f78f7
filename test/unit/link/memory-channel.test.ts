import { expect, test } from 'vitest'
import { type ContractPair, channelContract, start } from '../../support/channel-contract.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryChannelPair, plainFacts, tlsLikeFacts } from '../../support/memory-channel.ts'

const covers = () => true

function pairOn(clock: ManualClock, facts: ReturnType<typeof plainFacts>): ContractPair {
  const { initiating, receiving } = memoryChannelPair({ clock, ...facts })
  return {
    initiating,
    receiving,
    until: async (condition) => {
      for (let turns = 0; !condition(); turns++) {
        if (turns > 2000) throw new Error('it does not become true')
        await clock.advance(1)
      }
    },
    stop: async () => undefined,
  }
}

let pairs = 0
channelContract('memory, as TLS', async () =>
  pairOn(new ManualClock(), tlsLikeFacts({ covers, fingerprint: 'f' }, `pair ${pairs++}`)),
)
channelContract('memory, as plain TCP', async () => pairOn(new ManualClock(), plainFacts()))

const opened = () => {
  const clock = new ManualClock()
  const pair = memoryChannelPair({ clock, ...plainFacts() })
  return { clock, pair, a: start(pair.initiating), b: start(pair.receiving) }
}

test('a delay holds every byte back, and a shorter one later lets nothing overtake', async () => {
  const { clock, pair, b } = opened()
  pair.toReceiving.latencyMs = 100
  pair.initiating.write([Buffer.from('first ')])
  await clock.advance(1)
  pair.toReceiving.latencyMs = 0
  pair.initiating.write([Buffer.from('second')])
  await clock.advance(98)
  expect(b.text).toBe('')
  await clock.advance(1)
  expect(b.text).toBe('first second')
})

test('two channels overtake each other', async () => {
  const slow = opened()
  const fast = memoryChannelPair({ clock: slow.clock, ...plainFacts() })
  const there = start(fast.receiving)
  start(fast.initiating)
  slow.pair.toReceiving.latencyMs = 50
  slow.pair.initiating.write([Buffer.from('written first')])
  fast.initiating.write([Buffer.from('written second')])
  await slow.clock.advance(10)
  expect([slow.b.text, there.text]).toEqual(['', 'written second'])
})

test('a throttle lets so many bytes through in a millisecond', async () => {
  const { clock, pair, b } = opened()
  pair.toReceiving.bytesPerMs = 10
  pair.toReceiving.pieceBytes = () => 100
  pair.initiating.write([Buffer.alloc(1000)])
  await clock.advance(55)
  expect(b.bytes).toBe(500)
  await clock.advance(50)
  expect(b.bytes).toBe(1000)
  expect([pair.toReceiving.sent, pair.toReceiving.arrived]).toEqual([1000, 1000])
})

test('pieces are as small as the simulator wants them', async () => {
  const { clock, pair, b } = opened()
  pair.toReceiving.pieceBytes = () => 1
  pair.initiating.write([Buffer.from('abc')])
  await clock.advance(1)
  expect(b.chunks.map(String)).toEqual(['a', 'b', 'c'])
})

test('a held direction is silent, and goes on where it stopped', async () => {
  const { clock, pair, a, b } = opened()
  pair.toReceiving.isHeld = true
  pair.initiating.write([Buffer.from('lost?')])
  pair.receiving.write([Buffer.from('other way')])
  await clock.advance(60_000)
  expect([b.text, a.text, a.closed, b.closed]).toEqual(['', 'other way', 0, 0])
  pair.toReceiving.isHeld = false
  await clock.advance(1)
  expect(b.text).toBe('lost?')
})

test('a cut loses what is under way and tells whom it is told to', async () => {
  const { clock, pair, a, b } = opened()
  pair.toReceiving.latencyMs = 10
  pair.initiating.write([Buffer.from('under way')])
  await clock.advance(5)
  pair.cut('receiving', 'ECONNRESET')
  await clock.advance(60_000)
  expect([b.text, b.details, a.closed]).toEqual(['', ['ECONNRESET'], 0])
  pair.initiating.write([Buffer.from('into the void')])
  await clock.advance(1)
  expect([pair.initiating.queued(), b.text]).toEqual([0, ''])
})

test('an end that nobody reads to is given up after five seconds', async () => {
  const clock = new ManualClock()
  const pair = memoryChannelPair({ clock, ...plainFacts() })
  const a = start(pair.initiating)
  pair.toReceiving.bufferBytes = 10
  pair.initiating.write([Buffer.alloc(1000)])
  pair.initiating.end()
  await clock.advance(4999)
  expect(a.closed).toBe(0)
  await clock.advance(1)
  expect(a.details).toEqual(['ended by this side'])
})
