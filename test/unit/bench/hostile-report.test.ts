import { describe, expect, it } from 'vitest'
import type { Measured } from '../../bench/hostile-innocents.ts'
import {
  calmIn,
  type Endured,
  feltIn,
  hostileJson,
  hostileTable,
  missed,
  statuses,
} from '../../bench/hostile-report.ts'

const spell = (changes: Partial<Measured> = {}): Measured => ({
  sent: 100,
  received: 100,
  unanswered: 0,
  refused: {},
  latenciesMs: Array.from({ length: 100 }, (_, i) => (i < 98 ? 2 : 4)),
  contacts: [{ ms: 50, refusals: 0 }],
  ...changes,
})

const slow = (ms: number): Partial<Measured> => ({ latenciesMs: spell().latenciesMs.map(() => ms) })

const endured = (felt: Partial<Measured> = {}, changes: Partial<Endured> = {}): Endured => ({
  flood: { name: 'rain', rows: '7', says: 'it rains' },
  felt: spell(felt),
  fought: { requests: 800, bytes: 8e6, tookMs: 8000, links: 4, ended: 1, answers: { 1: 3 } },
  cpu: { attacker: 0.25, gateway: 0.9, innocents: 0.1, others: 0.5 },
  rssMiB: { before: 100, peak: 300, after: 110 },
  ended: undefined,
  ...changes,
})

const quiet = [spell(), spell(), spell()]

describe('what innocents feel', () => {
  it('is their latency, what they lost and how newcomers were met, over all spells', () => {
    const worse = spell({
      received: 97,
      refused: { 1793: 2, 773: 1 },
      contacts: [
        { ms: 900, refusals: 2 },
        { ms: undefined, refusals: 5 },
      ],
    })
    expect(feltIn([spell(), worse])).toEqual({
      p50Ms: 2,
      p99Ms: 4,
      messages: 200,
      lost: 3,
      refused: 3,
      contactMs: 50,
      contactMaxMs: 900,
      unmet: 1,
      contactRefusals: 7,
    })
  })

  it('is calm as the median of the quiet spells: one that was disturbed does not count', () => {
    expect(calmIn([spell(), spell(slow(900)), spell()])).toMatchObject({ p50Ms: 2, p99Ms: 4 })
  })
})

describe('the bars of a flood', () => {
  const over = (felt: Partial<Measured>, changes: Partial<Endured> = {}) =>
    missed(calmIn(quiet), endured(felt, changes))

  it('hold at three times the quiet p99, and not beyond', () => {
    expect(over(slow(12))).toEqual([])
    expect(over(slow(12.1))).toEqual(['p99'])
  })

  it('hold at a fifth more memory, and not beyond', () => {
    expect(over({}, { rssMiB: { before: 100, peak: 400, after: 120 } })).toEqual([])
    expect(over({}, { rssMiB: { before: 100, peak: 400, after: 121 } })).toEqual(['memory'])
  })

  it('take no message that is lost or refused, and no newcomer that is not met', () => {
    expect(over({ received: 99 })).toEqual(['lost'])
    expect(over({ refused: { 1793: 1 } })).toEqual(['refused'])
    expect(over({ contacts: [{ ms: undefined, refusals: 1 }] })).toEqual(['newcomers'])
  })

  it('are missed by nothing but the crash when the gateway is gone with its memory', () => {
    const rssMiB = { before: 100, peak: 400, after: Number.NaN }
    expect(over({}, { ended: 'SIGABRT', rssMiB })).toEqual(['crash'])
  })

  it('are missed where nothing was answered at all', () => {
    expect(over({ latenciesMs: [] })).toEqual(['p99'])
  })
})

describe('the report', () => {
  it('has the quiet values, a row for each flood, and what it was over', () => {
    const text = hostileTable({ quiet, endured: [endured(slow(40))] })
    const [head, calm, rain] = text.split('\n')
    expect(head).toMatch(/^(.\[1m)?flood +row +p50 ms +p99 ms +x quiet/)
    expect(calm).toMatch(/^quiet +2\.0 +4\.0 +1\.0 +0 +0 +50 +50 +0$/)
    expect(rain).toMatch(
      /^rain +7 +40\.0 +40\.0 +10\.0 .* 100 +300 +110 +1\.10 +90 % +25 % +50 % +100 +1\.0 +p99$/,
    )
    expect(text).toContain('rain   it rains; answered delivered 3')
  })

  it('is one line of JSON with a name for each flood; what has no number is null', () => {
    const dead = endured({ latenciesMs: [] }, { ended: 'SIGABRT' })
    const text = hostileJson({ cpus: 2 }, { quiet, endured: [dead] })
    expect(text).not.toContain('\n')
    expect(JSON.parse(text)).toMatchObject({
      cpus: 2,
      quiet: { p99Ms: 4 },
      floods: {
        rain: { p99Ms: null, p99Ratio: null, ended: 'SIGABRT', missed: ['crash', 'p99'] },
      },
    })
  })

  it('names each status', () => {
    expect(statuses({ 1: 3, 65000: 1 })).toBe('delivered 3, 65000 1')
    expect(statuses({})).toBe('')
  })
})
