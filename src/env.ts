/** What every room is given of the world around it, as one argument. */
import type { Clock } from './lib/clock.ts'
import type { Log } from './lib/log.ts'
import type { Meter } from './lib/meter.ts'
import type { Random } from './lib/random.ts'
import type { Limits } from './limits.ts'
import type { ByteBudget } from './shares/byte-budget.ts'
import type { Shares } from './shares/shares.ts'

export type Env = {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  readonly log: Log
  /** Who may have how much of what runs out. */
  readonly shares: Shares
  /** For messages that wait: for facts about their recipient, for their lane, for a link. */
  readonly held: ByteBudget
}
