/** What every room is given of the world around it, as one argument. */
import type { Limits } from '../limits.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Meter } from './meter.ts'
import type { Random } from './random.ts'

export type Env = {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  readonly log: Log
  /** For messages that wait: for facts about their recipient, for their lane, for a link. */
  readonly held: ByteBudget
}
