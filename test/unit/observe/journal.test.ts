import { expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { MemoryJournal } from '../../../src/observe/journal.ts'
import { failedDial, type JournalWish, journalContract } from '../../support/journal-contract.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function setUp({ entries, domains, isKnown }: JournalWish) {
  const clock = new ManualClock()
  const meter = new Meter()
  const limits = { journalEntries: entries, journalDomains: domains }
  return { clock, meter, journal: new MemoryJournal({ clock, limits, meter, isKnown }) }
}

journalContract('in memory', setUp)

test('a domain that is forgotten counts as a limit that was hit', () => {
  const { journal, meter } = setUp({ entries: 4, domains: 2, isKnown: () => false })
  for (let n = 0; n < 5; n++) journal.note(failedDial(`x${n}.test` as Domain))
  expect(meter.total('limit_hits_total', { limit: 'journalDomains' })).toBe(3)
})
