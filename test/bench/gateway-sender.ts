/** The sending users of the gateway bench, in one process. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { encodeMessage } from '../../src/command/message.ts'
import { encodeFields } from '../../src/wire/fields.ts'
import type { OnFrame } from '../../src/wire/reader.ts'
import { classShift, commands, fields, frame, trafficClass } from '../../src/wire/registry.ts'
import { serveParent } from './children.ts'
import type { User } from './gateway-site.ts'
import { attach, makeFrame, putU32, requestPayload } from './gateway-user.ts'
import { type FloodOrder, inTurns, type Line, type PacedOrder, Sender, sourceOf } from './load.ts'

export type Settings = {
  readonly port: number
  readonly users: readonly User[]
  readonly bodyBytes: number
  readonly domain: string
  readonly peerDomain: string
}

/** The address is that of the recipient; the body stands at the end of the frame. */
function lineTo(socket: Socket, recipient: string, bodyBytes: number): Line {
  const id = randomBytes(16)
  const lane = Buffer.alloc(8)
  lane.writeUInt32BE(Math.floor(Date.now() / 1000))
  const place = encodeFields([[fields.lane.tag, lane]])
  const message = encodeMessage(recipient, id, 'text/plain;charset=utf-8')
  const template = makeFrame(
    frame.request,
    trafficClass.im << classShift,
    0,
    requestPayload(
      commands.message.number,
      Buffer.concat([place, message]),
      Buffer.alloc(bodyBytes, 120),
    ),
  )
  const size = template.length
  const idAt = template.indexOf(id)
  const sequenceAt = template.indexOf(lane) + 4
  let sequence = 0
  let lastId = 1
  return {
    send: (count, stampUs) => {
      const frames = Buffer.allocUnsafe(size * count)
      for (let at = 0; at < frames.length; at += size) {
        lastId += 2
        template.copy(frames, at)
        putU32(frames, at + 5, lastId)
        putU32(frames, at + sequenceAt, ++sequence)
        putU32(frames, at + idAt, sequence)
        frames.writeDoubleBE(stampUs, at + size - bodyBytes)
      }
      socket.write(frames)
    },
  }
}

serveParent(async ({ port, users, bodyBytes, domain, peerDomain }: Settings) => {
  const lines: Line[] = []
  const sender = new Sender(lines)
  const refusals = new Map<number, number>()
  await inTurns(users, async ({ name, keyPem }, i) => {
    const onFrame: OnFrame = (type, _flags, _id, buffer, start) => {
      if (type !== frame.response) return true
      sender.tally.answered++
      const status = buffer.readUInt16BE(start)
      // 1: delivered.
      if (status !== 1) {
        sender.tally.refused++
        refusals.set(status, (refusals.get(status) ?? 0) + 1)
      }
      return true
    }
    const socket = await attach(port, name, domain, keyPem, onFrame, sourceOf(i))
    lines.push(lineTo(socket, `${name}@${peerDomain}`, bodyBytes))
  })
  return {
    facts: {},
    tasks: {
      flood: (order: FloodOrder) => sender.flood(order),
      paced: (order: PacedOrder) => sender.paced(order),
      round: (order: { readonly window: number }) => sender.round(order),
      refusals: () => Object.fromEntries(refusals),
    },
  }
})
