/** Messages as a door makes them: lent bytes in the middle of a chunk, in a lane. */
import { createHash } from 'node:crypto'
import type { Address } from '../../../src/address/address.ts'
import { limitsWith } from '../../../src/limits.ts'
import { type Lane, Lanes } from '../../../src/operation/lane.ts'
import { Message } from '../../../src/operation/message.ts'
import { encodeFields } from '../../../src/wire/fields.ts'
import { fields } from '../../../src/wire/registry.ts'
import { roomShares } from '../room-shares.ts'
import { alice, bob } from './calls.ts'

export type MessageWish = {
  readonly from?: Address
  readonly to?: Address
  readonly epoch?: number
  readonly sequence?: number
  readonly settled?: number
  readonly hops?: number
  readonly unknownField?: number
  /** Its id is made of this, and its body says it. */
  readonly text?: string
  /** One that is made here, unless the test has its own. */
  readonly lane?: Lane
}

/** Bytes before and behind, so that nobody reads a message but by its offsets. */
const around = Buffer.from('another frame')

export function makeMessage(wish: MessageWish = {}): Message {
  const { from = alice, to = bob, epoch = 1, sequence = 0, settled = 0, text = 'hello' } = wish
  const id = createHash('sha256').update(text).digest().subarray(0, 16)
  const head = encodeFields([
    [fields.to.tag, to.text],
    [fields.id.tag, id],
  ])
  const body = Buffer.from(text)
  const buffer = Buffer.concat([around, head, body, around])
  const fieldsAt = around.length
  const bodyAt = fieldsAt + head.length
  const message = new Message(
    from,
    to,
    { epoch, sequence, settled },
    wish.hops ?? 1,
    wish.unknownField ?? 0,
    buffer,
    bodyAt - id.length,
    fieldsAt,
    bodyAt,
    bodyAt + body.length,
  )
  message.lane = wish.lane ?? laneOf(from, to)
  return message
}

/** A lane of its own, which knows nothing yet. */
export function laneOf(from: Address = alice, to: Address = bob): Lane {
  const lanes = makeLanes()
  return lanes.lane(lanes.sender(from), to, 0)
}

export function makeLanes(most = 200): Lanes {
  const shares = roomShares(limitsWith({ lanes: most }))
  return new Lanes(
    shares,
    ({ domain }) => shares.domain(domain, 'its network'),
    () => true,
  )
}

/** The body, where its offsets say it is. */
export const textOf = ({ buffer, bodyAt, end }: Message): string =>
  buffer.toString('utf8', bodyAt, end)
