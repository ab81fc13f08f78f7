/**
 * One line in the log when nearly all file descriptors are open, and one when there are enough again.
 *
 * In:    how many are open and how many may be; the clock.
 * Out:   the lines.
 * Fails: never; where the system does not tell, nothing is said.
 *
 * At the bound the runtime takes each connection and closes it, without a word to anybody: the count alone shows it.
 */
import { type Cancel, type Clock, every } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Vitals } from '../lib/vitals.ts'

export type OpenFilesNeeds = {
  readonly vitals: Pick<Vitals, 'openFiles' | 'mostFiles'>
  readonly clock: Clock
  readonly log: Log
}

const checkMs = 5000
/** As the alert has it. The tables leave a tenth free: beyond this something else holds files. */
const nearPart = 0.95

export function watchOpenFiles({ vitals, clock, log }: OpenFilesNeeds): Cancel {
  let isShort = false
  return every(clock, checkMs, () => {
    const [open, most] = [vitals.openFiles(), vitals.mostFiles()]
    const wasShort = isShort
    isShort = open !== undefined && most !== undefined && open > most * nearPart
    if (isShort && !wasShort) log.error('process.files-short', { open, most })
    if (!isShort && wasShort) log.info('process.files-enough', { open, most })
  })
}
