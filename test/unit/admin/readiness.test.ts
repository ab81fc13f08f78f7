import { describe, expect, test } from 'vitest'
import { type Circumstances, judgeReadiness, watchClock } from '../../../src/admin/readiness.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { ownDomain } from './support.ts'

const wallMs = 1_790_000_000_000
const good = {
  domains: [ownDomain('a.example', wallMs + 1), ownDomain('b.example', wallMs + 1)],
  ports: { peers: [5279], clients: [] },
  config: { refused: undefined, restart: [] },
  isDraining: false,
  wallMs,
  clockJumpMs: 0,
}

const codesOf = (given: Partial<Circumstances>) => {
  const { ready, reasons, warnings } = judgeReadiness({ ...good, ...given })
  return [ready, reasons.map(({ code }) => code), warnings.map(({ code }) => code)]
}

describe('a gateway', () => {
  test('with nothing wrong is ready', () => {
    expect(codesOf({})).toEqual([true, [], []])
  })

  test('that is stopping is not', () => {
    expect(codesOf({ isDraining: true })).toEqual([false, ['draining'], []])
  })

  test('without an open port is not', () => {
    expect(codesOf({ ports: { peers: [], clients: [] } })).toEqual([false, ['no-listener'], []])
  })

  test('whose only certificate has expired is not, from that moment on', () => {
    const one = (until: number) => ({ domains: [ownDomain('a.example', until)] })
    expect(codesOf(one(wallMs + 1))).toEqual([true, [], []])
    expect(codesOf(one(wallMs))).toEqual([false, ['certificate-expired'], []])
  })

  test('serves its other domains when the certificate of one has expired, and says so', () => {
    const domains = [ownDomain('a.example', wallMs - 1), ownDomain('b.example', wallMs + 1)]
    expect(codesOf({ domains })).toEqual([true, [], ['certificate-expired']])
  })

  test('whose certificate is not valid yet is not ready', () => {
    const early = { ...ownDomain('a.example', wallMs + 2), certificateFrom: wallMs + 1 }
    expect(codesOf({ domains: [early] })).toEqual([false, ['certificate-not-yet-valid'], []])
  })

  test('whose key set has expired is not ready', () => {
    const old = { ...ownDomain('a.example', wallMs + 2), keysUntil: wallMs }
    expect(codesOf({ domains: [old] })).toEqual([false, ['keys-expired'], []])
  })

  test('whose reload was refused is ready, and says why it was', () => {
    const config = { refused: 'x.yaml has 1 mistake:\n  domains[0]', restart: [] }
    expect(codesOf({ config })).toEqual([true, [], ['reload-refused']])
    expect(judgeReadiness({ ...good, config }).warnings[0]?.text).toBe(
      'The last reload was refused, and changed nothing: x.yaml has 1 mistake: domains[0]',
    )
  })

  test('with settings that wait for a restart is ready, and names them', () => {
    const config = { refused: undefined, restart: ['limits.idleMs', 'domains[0].key'] }
    expect(codesOf({ config })).toEqual([true, [], ['restart-needed']])
    expect(judgeReadiness({ ...good, config }).warnings[0]?.text).toContain(
      'limits.idleMs, domains[0].key',
    )
  })

  test('whose clock was set is ready, and tells by how much and which way', () => {
    expect(codesOf({ clockJumpMs: -61_000 })).toEqual([true, [], ['clock-set']])
    for (const [clockJumpMs, way] of [
      [-61_000, 'back by 61 s'],
      [40_000, 'ahead by 40 s'],
    ] as const) {
      expect(judgeReadiness({ ...good, clockJumpMs }).warnings[0]?.text).toContain(way)
    }
  })
})

describe('the watch on the clock', () => {
  const limits = { clockSkewSeconds: 30, credentialSeconds: 600 }

  const start = () => {
    const manual = new ManualClock()
    let set = 0
    const clock: Clock = {
      now: manual.now,
      wall: () => manual.wall() + set,
      after: manual.after,
      soon: manual.soon,
    }
    const watch = watchClock(clock, limits)
    return { manual, watch, set: (ms: number) => (set = ms) }
  }

  test('sees nothing while both clocks go together', async () => {
    const { manual, watch } = start()
    await manual.advance(3_600_000)
    expect([watch.driftMs(), watch.jumpMs()]).toEqual([0, 0])
  })

  test('forgives what a credential forgives, and no more', () => {
    const { watch, set } = start()
    set(30_000)
    expect([watch.driftMs(), watch.jumpMs()]).toEqual([30_000, 0])
    set(30_001)
    expect(watch.jumpMs()).toBe(30_001)
    set(-30_001)
    expect(watch.jumpMs()).toBe(-30_001)
  })

  test('forgets a jump when what was signed before it has expired', async () => {
    const { manual, watch, set } = start()
    await manual.advance(60_000)
    set(3_600_000)
    await manual.advance(580_000)
    expect(watch.jumpMs()).toBe(3_600_000)
    await manual.advance(40_000)
    expect([watch.driftMs(), watch.jumpMs()]).toEqual([3_600_000, 0])
  })

  test('leaves no timer behind', () => {
    const { manual, watch } = start()
    expect(manual.pending).toBe(1)
    watch.stop()
    expect(manual.pending).toBe(0)
  })
})
