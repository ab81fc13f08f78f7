/** What every journal of events does, whatever it keeps them in. */
import { describe, expect, test } from 'vitest'
import type { Domain } from '../../src/address/domain.ts'
import type { Journal, JournalEvent } from '../../src/operation/journal.ts'
import type { ManualClock } from './manual-clock.ts'

export type JournalWish = {
  /** Of one domain, and of each sort of domains. */
  readonly entries: number
  readonly domains: number
  readonly isKnown: (domain: Domain) => boolean
}

type Opened = { readonly journal: Journal; readonly clock: ManualClock }

const own = 'a.example' as Domain
const b = 'b.example' as Domain

export const failedDial = (remote: Domain, told: Partial<JournalEvent> = {}): JournalEvent => ({
  ...{ kind: 'dial', direction: 'out', local: own, remote, service: 'im' },
  ...{ cause: 'remote-unreachable', detail: 'nobody is there', ...told },
})

/** Somebody says to be `remote`, and is not believed. */
const refusedProof = (remote: Domain, told: Partial<JournalEvent> = {}): JournalEvent => ({
  ...{ kind: 'proof', direction: 'in', local: undefined, remote, service: undefined },
  ...{ cause: 'credential-signature', detail: 'the signature does not fit the key', ...told },
})

export function journalContract(name: string, open: (wish: JournalWish) => Opened): undefined {
  const opened = (wish: Partial<JournalWish> = {}) =>
    open({ entries: 8, domains: 4, isKnown: () => false, ...wish })
  const causes = [
    'dns-failed',
    'remote-unreachable',
    'remote-untrusted',
    'remote-timeout',
    'remote-not-found',
    'remote-declines',
  ] as const
  const strangers = Array.from({ length: 50 }, (_, n) => `x${n}.test` as Domain)

  describe(`the journal ${name}`, () => {
    test('knows nothing of a domain with which nothing happened', () => {
      const { journal } = opened()
      journal.note(failedDial(b))
      expect(journal.of('c.example' as Domain)).toEqual([])
    })

    test('tells what happened with a domain, the latest last, and when', async () => {
      const { journal, clock } = opened()
      const start = clock.wall()
      journal.note(failedDial(b))
      await clock.advance(1000)
      journal.note(refusedProof(b))
      expect(journal.of(b)).toEqual([
        { ...failedDial(b), times: 1, since: start, at: start },
        { ...refusedProof(b), times: 1, since: start + 1000, at: start + 1000 },
      ])
    })

    test('tells what came again once: how often, since when, and with the last detail', async () => {
      const { journal, clock } = opened()
      const start = clock.wall()
      journal.note(failedDial(b))
      journal.note(failedDial(b, { service: 'pres' }))
      await clock.advance(5000)
      journal.note(failedDial(b, { detail: 'still nobody' }))
      expect(journal.of(b)).toMatchObject([
        { service: 'pres', times: 1 },
        { service: 'im', times: 2, since: start, at: start + 5000, detail: 'still nobody' },
      ])
    })

    test('counts anew what comes again after it went well in between', async () => {
      const { journal, clock } = opened()
      journal.note(failedDial(b))
      await clock.advance(1000)
      journal.note(failedDial(b, { kind: 'claim', cause: 'ok' }))
      await clock.advance(1000)
      journal.note(failedDial(b))
      const at = clock.wall()
      expect(journal.of(b)).toMatchObject([{ cause: 'ok' }, { kind: 'dial', times: 1, since: at }])
      journal.note(refusedProof(b))
      journal.note(failedDial(b))
      expect(journal.of(b).at(-1)).toMatchObject({ kind: 'dial', times: 2, since: at })
    })

    test('tells whom we dialled or know apart from what strangers claim, the last first', () => {
      const known = 'known.example' as Domain
      const { journal } = opened({ isKnown: (domain) => domain === known })
      for (const remote of strangers.slice(0, 2)) journal.note(refusedProof(remote))
      journal.note(refusedProof(known))
      journal.note(failedDial(b))
      expect([...journal.peers()]).toEqual([b, known])
      expect([...journal.claimed()]).toEqual(strangers.slice(0, 2).reverse())
    })

    test('keeps the last of them, and no more', () => {
      const { journal } = opened({ entries: 4 })
      for (const cause of causes) journal.note(failedDial(b, { cause }))
      expect(journal.of(b).map(({ cause }) => cause)).toEqual(causes.slice(-4))
    })

    test('cuts a detail that is long', () => {
      const { journal } = opened()
      journal.note(failedDial(b, { detail: 'x'.repeat(10_000) }))
      expect(journal.of(b)[0]?.detail.length).toBeLessThan(500)
    })

    test('gives what strangers say to be at most half of the room of a domain', () => {
      const { journal } = opened({ entries: 4 })
      for (const cause of causes.slice(0, 2)) journal.note(failedDial(b, { cause }))
      for (const cause of causes) journal.note(refusedProof(b, { cause }))
      expect(journal.of(b).map(({ kind, cause }) => `${kind} ${cause}`)).toEqual([
        ...causes.slice(0, 2).map((cause) => `dial ${cause}`),
        ...causes.slice(-2).map((cause) => `proof ${cause}`),
      ])
    })

    test('forgets the domain that is silent longest', () => {
      const { journal } = opened({ domains: 2 })
      const [one, two, three] = strangers as [Domain, Domain, Domain]
      for (const remote of [one, two, one, three]) journal.note(failedDial(remote))
      expect([one, two, three].map((domain) => journal.of(domain).length)).toEqual([1, 0, 1])
    })

    test('looking does not count as an event', () => {
      const { journal } = opened({ domains: 2 })
      const [one, two, three] = strangers as [Domain, Domain, Domain]
      for (const remote of [one, two]) journal.note(failedDial(remote))
      journal.of(one)
      journal.note(failedDial(three))
      expect(journal.of(one)).toEqual([])
    })

    test('forgets nobody whom we dialled, or know, for names that a stranger claims', () => {
      const known = 'known.example' as Domain
      const { journal } = opened({ isKnown: (domain) => domain === known })
      journal.note(failedDial(b))
      journal.note(refusedProof(b))
      journal.note(refusedProof(known))
      for (const remote of strangers) journal.note(refusedProof(remote))
      expect(journal.of(b)).toHaveLength(2)
      expect(journal.of(known)).toHaveLength(1)
      expect(strangers.filter((domain) => journal.of(domain).length > 0)).toHaveLength(4)
    })

    test('forgets nobody whom we dialled for those who came to us, though they are known', () => {
      const { journal } = opened({ isKnown: (domain) => domain !== b })
      journal.note(failedDial(b))
      for (const remote of strangers) {
        journal.note(refusedProof(remote, { cause: 'ok' }))
      }
      expect(journal.of(b)).toHaveLength(1)
    })

    test('forgets all of a domain, or nothing', () => {
      const { journal } = opened({ domains: 2 })
      journal.note(refusedProof(b))
      for (const remote of [b, ...strangers.slice(0, 2)]) journal.note(failedDial(remote))
      expect(journal.of(b)).toEqual([])
    })

    test('takes along what it knows of a domain that turns out to be somebody', () => {
      const proven = new Set<Domain>()
      const { journal } = opened({ isKnown: (domain) => proven.has(domain) })
      journal.note(refusedProof(b))
      proven.add(b)
      journal.note(refusedProof(b, { cause: 'ok' }))
      journal.note(failedDial(b))
      for (const remote of strangers) journal.note(refusedProof(remote))
      expect(journal.of(b).map(({ cause }) => cause)).toEqual([
        'credential-signature',
        'ok',
        'remote-unreachable',
      ])
    })
  })
}
