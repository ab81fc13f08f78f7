import { expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { peerRows, refusedRows } from '../../../src/admin/peers.ts'
import type { JournalEntry } from '../../../src/operation/journal.ts'
import { failedDial } from '../../support/journal-contract.ts'
import { link, runningWith, type Wish } from './support.ts'

const wallMs = 1_790_000_000_000
const names = (...all: string[]): Domain[] => all as Domain[]

const event = (told: Partial<JournalEntry>, secondsAgo: number): JournalEntry => ({
  ...failedDial('b.example' as Domain),
  ...{ times: 2, since: wallMs - secondsAgo * 2000, at: wallMs - secondsAgo * 1000, ...told },
})

const rows = (wish: Wish) => peerRows({ running: runningWith(wish), now: 61_000, wallMs })

test('a peer that is idle and well does not look dead', () => {
  const journal = { peers: () => names('b.example'), of: () => [event({ cause: 'ok' }, 600)] }
  expect(rows({ journal })).toEqual([
    {
      ...{ remote: 'b.example', state: 'idle', links: 0, sinceSeconds: 600 },
      ...{ successSecondsAgo: 600, lastFailure: null, messages: null },
    },
  ])
})

test('a link that ended because it was idle is no failure', () => {
  const journal = {
    peers: () => names('b.example'),
    of: () => [event({ kind: 'link', cause: 'idle-release' }, 5)],
  }
  expect(rows({ journal })[0]).toMatchObject({ lastFailure: null, successSecondsAgo: null })
})

test('those in trouble stand first, with cause, side and since when', () => {
  const journal = { peers: () => names('a.test', 'z.test'), of: () => [event({}, 30)] }
  expect(rows({ journal, failing: ['z.test'], links: [link('up.test')] })).toMatchObject([
    {
      ...{ remote: 'z.test', state: 'failing', sinceSeconds: 60 },
      lastFailure: { what: 'dial', cause: 'remote-unreachable', side: 'network', times: 2 },
    },
    { remote: 'up.test', state: 'up', links: 1, sinceSeconds: 61, successSecondsAgo: 0 },
    { remote: 'a.test', state: 'idle' },
  ])
})

test('a name that was dialled once and is known to nobody is no peer', () => {
  const journal = { peers: () => names('mistyped.example') }
  expect(rows({ journal, peers: { isKnown: () => false } })).toEqual([])
})

test('whom a stranger claimed to be stands apart, the last first, and no more than some', () => {
  const claimed = names(...Array.from({ length: 50 }, (_, n) => `x${n}.test`))
  const refused = event({ kind: 'proof', direction: 'in', cause: 'credential-key' }, 7)
  const running = runningWith({ journal: { claimed: () => claimed, of: () => [refused] } })
  const told = refusedRows({ running, now: 0, wallMs })
  expect(told).toHaveLength(20)
  expect(told[0]).toMatchObject({ claimed: 'x0.test', cause: 'credential-key', secondsAgo: 7 })
})
