/**
 * A log in which a line of level `error` is a fault of the program under test: such as a second answer to one request.
 *
 * In:    `told`, called with the fault; its stack says who told it.
 */
import { type Log, silentLog } from '../../src/lib/log.ts'

export const faultLog = (told: (fault: Error) => undefined, log: Log = silentLog): Log => ({
  ...log,
  error: (event, facts = {}) => {
    log.error(event, facts)
    return told(new Error(`a fault of the gateway: ${event} ${JSON.stringify(facts)}`))
  },
})
