/**
 * Resolve: one question over TCP.
 *
 * In:    a query for one server.
 * Out:   the message that answers it, or why there is none.
 * Fails: never. The socket is destroyed at every end.
 * Spec:  RFC 1035 §4.2.2 (two bytes of length before each message), RFC 7766.
 */
import { connect } from 'node:net'
import { type Ask, type Heard, type Silence, silent } from './exchange.ts'
import { longestMessageBytes } from './survey.ts'

export function askTcp(ask: Ask): Promise<Heard> {
  const { server, query, isAnswer, signal } = ask
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(silent('cancelled'))
      return
    }
    const socket = connect({ host: server.ip, port: server.port, noDelay: true })
    let isOver = false
    let received: Buffer = Buffer.alloc(0)
    const finish = (heard: Heard): undefined => {
      if (isOver) return
      isOver = true
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      resolve(heard)
    }
    const fail = (silence: Silence) => finish(silent(silence))
    const onAbort = () => fail('cancelled')
    signal.addEventListener('abort', onAbort)
    socket.on('error', () => fail('unreachable'))
    socket.on('close', () => fail('closed'))
    socket.on('connect', () => socket.write(framed(query)))
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const length = received.length < 2 ? 0 : received.readUInt16BE(0)
      if (length > longestMessageBytes) fail('too-long')
      if (received.length < 2 || received.length < 2 + length) return
      const bytes = received.subarray(2, 2 + length)
      finish(isAnswer(bytes) ? { bytes, silence: undefined, strays: 0 } : silent('strays', 1))
    })
  })
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}
