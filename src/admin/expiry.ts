/**
 * One line in the log when a certificate or a key set of ours is near its end, and one at it.
 *
 * In:    when they end; the clock.
 * Out:   the lines; a renewed one is watched anew.
 * Fails: never.
 */
import { type Cancel, type Clock, every, isoTime } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { RunningView } from './view.ts'

export type ExpiryNeeds = Pick<RunningView, 'domains'> & {
  readonly clock: Clock
  readonly log: Log
}

const checkMs = 60_000
const dayMs = 86_400_000
/** Of a long life. Of a short one it is a quarter: it is renewed when a third is left. */
const nearMs = 14 * dayMs
/** As the alert has it: it is signed anew while 23 days are left, so fewer than this is a fault. */
const keysNearMs = 14 * dayMs

type Stage = 'fine' | 'near' | 'over'

export function watchExpiry({ domains, clock, log }: ExpiryNeeds): Cancel {
  const certificates = new Stages()
  const keys = new Stages()
  const check = (): undefined => {
    const now = clock.wall()
    for (const own of domains) {
      const { name: domain, certificateFrom, certificateUntil, keysUntil } = own
      const near = Math.min(nearMs, (certificateUntil - certificateFrom) / 4)
      const until = isoTime(certificateUntil)
      const facts = { domain, until, certificate: own.certificateEndsWith }
      switch (certificates.entered(domain, certificateUntil, near, now)) {
        case 'near':
          log.warn('certificate.expires-soon', facts)
          break
        case 'over':
          log.error('certificate.expired', facts)
      }
      switch (keys.entered(domain, keysUntil, keysNearMs, now)) {
        case 'near':
          log.warn('key.expires-soon', { domain, until: isoTime(keysUntil) })
          break
        case 'over':
          log.error('key.expired', { domain, until: isoTime(keysUntil) })
      }
    }
  }
  return every(clock, checkMs, check)
}

/** How far each domain is, so that each stage is told once. */
class Stages {
  readonly #known = new Map<string, Stage>()

  /** `undefined`: nothing new. */
  entered(domain: string, until: number, near: number, now: number): Stage | undefined {
    const left = until - now
    const stage = left <= 0 ? 'over' : left <= near ? 'near' : 'fine'
    if (this.#known.get(domain) === stage) return undefined
    this.#known.set(domain, stage)
    return stage
  }
}
