/**
 * Resolve: one question over UDP.
 *
 * In:    a query for one server.
 * Out:   the first datagram that answers it, or why there is none.
 * Fails: never. The socket is closed at every end.
 * Spec:  RFC 5452 §9.2 (a new socket, so a new port, per question).
 */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { type Ask, type Heard, silent } from './exchange.ts'

/** After so many wrong datagrams for one question it is asked over TCP, which cannot be guessed into. */
const mostStrays = 5

export function askUdp(ask: Ask): Promise<Heard> {
  const { server, query, isAnswer, signal } = ask
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(silent('cancelled'))
      return
    }
    let strays = 0
    let isOver = false
    const socket = createSocket(isIPv6(server.ip) ? 'udp6' : 'udp4')
    const finish = (heard: Heard): undefined => {
      if (isOver) return
      isOver = true
      signal.removeEventListener('abort', onAbort)
      socket.close()
      resolve(heard)
    }
    const onAbort = () => finish(silent('cancelled', strays))
    signal.addEventListener('abort', onAbort)
    // A connected socket hears only its server, and learns at once that a port is closed. What connecting and sending
    // fail with comes here, too, since neither is given a callback: that would get it instead.
    socket.on('error', () => finish(silent('unreachable', strays)))
    socket.on('message', (bytes) => {
      if (isAnswer(bytes)) finish({ bytes, silence: undefined, strays })
      else if (++strays >= mostStrays) finish(silent('strays', strays))
    })
    socket.on('connect', () => {
      if (!isOver) socket.send(query)
    })
    socket.connect(server.port, server.ip)
  })
}
