/** What a receiving user says to each message: confirmed, all of one turn of the event loop in one write. */
import type { Socket } from 'node:net'
import { putU32 } from './relay-frame.ts'

/** What one turn brings at the least; room is made for more. */
const leastWaiting = 16

/** `confirmation` is the whole frame of an answer; its id is written anew for each message. */
export function confirmTo(socket: Socket, confirmation: Buffer): (id: number) => undefined {
  const least = confirmation.length * leastWaiting
  let waiting = Buffer.allocUnsafe(least)
  let filled = 0
  let isPlanned = false
  const flush = (): undefined => {
    isPlanned = false
    socket.write(waiting.subarray(0, filled))
    waiting = Buffer.allocUnsafe(Math.max(least, filled))
    filled = 0
  }
  return (id) => {
    if (filled === waiting.length) {
      const wider = Buffer.allocUnsafe(2 * filled)
      waiting.copy(wider)
      waiting = wider
    }
    confirmation.copy(waiting, filled)
    putU32(waiting, filled + 5, id)
    filled += confirmation.length
    if (isPlanned) return
    isPlanned = true
    setImmediate(flush)
  }
}
