/** Shares for one room, to which every domain but those that are `known` is a stranger. Without a clock of its own time stands still for them. */
import type { Clock } from '../../src/lib/clock.ts'
import { Meter } from '../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../src/limits.ts'
import { Shares } from '../../src/shares/shares.ts'
import { sizesOf } from '../../src/shares/sizes.ts'
import type { DomainStanding } from '../../src/shares/tree.ts'
import { ManualClock } from './manual-clock.ts'

export const roomShares = (
  limits: Limits = limitsWith(),
  clock: Clock = new ManualClock(),
  known: readonly string[] = [],
): Shares => {
  const standing = (domain: string): DomainStanding =>
    known.includes(domain) ? 'known' : 'stranger'
  return new Shares({ clock, meter: new Meter(), sizes: sizesOf(limits), standing })
}
