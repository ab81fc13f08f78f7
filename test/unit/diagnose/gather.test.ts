import { expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import {
  type DestinationFacts,
  type Facts,
  gather,
  type LinkFacts,
} from '../../../src/diagnose/gather.ts'
import type { JournalEntry } from '../../../src/operation/journal.ts'
import type { Explanation } from '../../../src/resolve/resolver.ts'
import { at } from './support.ts'

const b = 'b.example' as Domain

const explanation: Explanation = {
  ...{ domain: b, service: 'pres', at, steps: [], result: 'ok', sentence: '1 target.' },
  targets: [
    {
      ...{ host: 'gw.b.example', port: 5279, via: 'srv', needsKnownKey: false, stale: true },
      addresses: [
        { ip: '192.0.2.7', family: 4 },
        { ip: '2001:db8::7', family: 6 },
      ],
    },
  ],
}

const destination = (told: Partial<DestinationFacts> = {}): DestinationFacts => ({
  ...{ local: 'a.example', remote: b, service: 'pres', state: 'idle', code: undefined },
  ...{ retryAfterMs: 0, links: 0, ...told },
})

const link = (remotes: readonly string[], dialled?: object): LinkFacts => ({
  ...{ dialled, bornAt: 1000 },
  pairs: remotes.map((remote) => ({ local: 'a.example', remote, kinds: new Set(['key']) })),
  link: {
    state: 'open',
    hello: { software: 'other/2' },
    channel: { facts: { remote: '192.0.2.7:5279' } },
  },
})

const facts = (told: Partial<Facts> = {}): Facts => ({
  ...{ by: { who: 'command', why: 'As --offline asks' }, explanation, ruling: undefined },
  ...{ isKnown: true, destinations: [], links: [], events: [], now: 61_000, ...told },
})

test('the search is told with addresses as text', () => {
  const { targets, search, rules, at: when } = gather(facts())
  expect(targets[0]?.addresses).toEqual(['192.0.2.7', '2001:db8::7'])
  expect(search).toEqual({ result: 'ok', sentence: '1 target.' })
  expect([rules, when]).toEqual([null, at])
})

test('destinations are those of the domain: of the service that is asked for first, then in trouble', () => {
  const { destinations } = gather(
    facts({
      destinations: [
        destination({ service: 'im', code: 'dns-failed' }),
        destination({ local: 'a1.example' }),
        destination({ remote: 'c.example', code: 'dns-failed' }),
        destination({ code: 'remote-unreachable', state: 'backing-off', retryAfterMs: 1.5 }),
      ],
    }),
  )
  expect(destinations).toEqual([
    {
      ...{ local: 'a.example', service: 'pres', state: 'backing-off', links: 0 },
      ...{ cause: 'remote-unreachable', retryInMs: 2 },
    },
    expect.objectContaining({ local: 'a1.example', cause: null }),
    expect.objectContaining({ service: 'im', cause: 'dns-failed' }),
  ])
})

test('links are those on which the domain is proven, with who dialled, how old and how proven', () => {
  const links = [link([]), link(['c.example', b], {}), link(['c.example']), link([b])]
  const row = { local: 'a.example', state: 'open', ageMs: 60_000, proof: ['key'] }
  const far = { address: '192.0.2.7:5279', software: 'other/2' }
  expect(gather(facts({ links })).links).toEqual([
    { ...row, ...far, direction: 'out' },
    { ...row, ...far, direction: 'in' },
  ])
})

test('events say whose side it is, and not the domain again', () => {
  const event: JournalEntry = {
    ...{ kind: 'claim', direction: 'out', local: undefined, remote: b, service: undefined },
    ...{ cause: 'credential-key', detail: 'x', times: 2, since: at - 5, at },
  }
  expect(gather(facts({ events: [event] })).events).toEqual([
    {
      ...{ kind: 'claim', direction: 'out', local: null, service: null, side: 'us' },
      ...{ cause: 'credential-key', detail: 'x', times: 2, since: at - 5, at },
    },
  ])
})

test('lists are bounded, and what is left out is counted', () => {
  const many = Array.from({ length: 300 }, (_, n) => n)
  const { destinations, links, leftOut } = gather(
    facts({
      destinations: many.map((n) => destination({ local: `a${n}.example` })),
      links: many.map(() => link([b])),
    }),
  )
  expect([destinations.length, links.length]).toEqual([50, 50])
  expect(leftOut).toEqual({ destinations: 250, links: 250 })
})
