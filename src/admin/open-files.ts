/**
 * One line in the log when nearly all file descriptors are open, and one when there are enough again.
 *
 * In:    how many are open and how many may be; the clock.
 * Out:   the lines; a shortage for each look that finds one, since nobody counts what is closed meanwhile, and a scrape may be
 *        among it.
 * Fails: never; where the system does not tell, nothing is said.
 *
 * At the bound the runtime takes each connection and closes it, without a word to anybody: the count alone shows it.
 */
import { type Cancel, type Clock, every } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import type { Vitals } from '../lib/vitals.ts'

export type OpenFilesNeeds = {
  readonly vitals: Pick<Vitals, 'openFiles' | 'mostFiles'>
  readonly clock: Clock
  readonly log: Log
  readonly meter: Meter
}

const checkMs = 5000
/** As the alert has it. The tables leave a tenth free: beyond this something else holds files. */
const nearPart = 0.95

export function watchOpenFiles({ vitals, clock, log, meter }: OpenFilesNeeds): Cancel {
  const shortages = meter.counter('link_accepts_total', { result: 'shortage' })
  let isShort = false
  return every(clock, checkMs, () => {
    const [open, most] = [vitals.openFiles(), vitals.mostFiles()]
    const wasShort = isShort
    isShort = open !== undefined && most !== undefined && open > most * nearPart
    if (isShort) shortages.n++
    if (isShort && !wasShort) log.error('process.files-short', { open, most })
    if (!isShort && wasShort) log.info('process.files-enough', { open, most })
  })
}
