/** The sending users of the relay bench, in one process. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { serveParent } from './children.ts'
import { type FloodOrder, inTurns, type Line, type PacedOrder, Sender, sourceOf } from './load.ts'
import * as wire from './relay-frame.ts'
import { attach, ownReference, userName } from './relay-user.ts'

export type Settings = {
  readonly port: number
  readonly users: number
  readonly bodyBytes: number
  readonly domain: string
  readonly peerDomain: string
}

const bodyType = 'text/plain'

function lineTo(socket: Socket, recipient: string, bodyBytes: number): Line {
  const messageId = randomBytes(16)
  const template = wire.requestFrame({
    recipient,
    messageId,
    bodyType,
    reference: ownReference,
    bodyBytes,
  })
  const size = template.length
  const messageIdAt = template.indexOf(messageId)
  let lastId = -1
  return {
    send: (count, stampUs) => {
      const frames = Buffer.allocUnsafe(size * count)
      for (let at = 0; at < frames.length; at += size) {
        lastId += 2
        template.copy(frames, at)
        wire.putU32(frames, at + 5, lastId)
        wire.putU32(frames, at + messageIdAt, lastId)
        frames.writeDoubleBE(stampUs, at + size - bodyBytes)
      }
      socket.write(frames)
    },
  }
}

serveParent(async ({ port, users, bodyBytes, domain, peerDomain }: Settings) => {
  const lines: Line[] = []
  const sender = new Sender(lines)
  await inTurns(Array.from({ length: users }), async (_user, i) => {
    const socket = await attach(port, userName(i, domain), sourceOf(i), () => {
      sender.tally.answered++
    })
    lines.push(lineTo(socket, userName(i, peerDomain), bodyBytes))
  })
  return {
    facts: {},
    tasks: {
      flood: (order: FloodOrder) => sender.flood(order),
      paced: (order: PacedOrder) => sender.paced(order),
    },
  }
})
