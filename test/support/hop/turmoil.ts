/**
 * Messages by a hop whose way breaks, stalls and comes back at random, between a sender that keeps to its part as
 * `delivery/` does and a far side that counts places; the same run for the same seed.
 */
import { isTemporary, type Status } from '../../../src/errors.ts'
import { outcomeOf } from '../../../src/operation/call.ts'
import type { Message } from '../../../src/operation/message.ts'
import { LaneGate } from '../lane-gate.ts'
import { alice, anna, bob, bodyOf } from '../operations.ts'
import { seededRandom } from '../seeded-random.ts'
import { long, type Post, soon } from './world.ts'

/**
 * In the order in which they happened. `taken`: by the far side, in its place; `failed`: for a time, by its word;
 * `status`: of an end.
 */
export type Event = {
  readonly what: 'given' | 'taken' | 'failed' | 'ended'
  readonly lane: string
  readonly body: string
  readonly status: Status
}

const senders = [alice, anna]

/** One lane: what the sender knows of it, and what the far side does. */
class Way {
  open = 0
  isFailing = false
  gate = new LaneGate()

  ended(status: Status): undefined {
    this.open--
    if (isTemporary(status)) this.isFailing = true
    if (this.open === 0) this.isFailing = false
  }
}

/** Everything that is given has ended when it returns. */
export async function turmoil(
  { world, give, ends }: Post,
  seed: number,
): Promise<readonly Event[]> {
  const random = seededRandom(seed)
  const below = (count: number): number => Math.floor(random.number() * count)
  const events: Event[] = []
  const note = (what: Event['what'], body: string, status: Status = 'ok'): undefined => {
    events.push({ what, lane: body.split('-')[0] ?? '', body, status })
  }
  const ways = new Map(senders.map(({ user }) => [user, new Way()]))
  const wayOf = (body: string): Way => ways.get(body.split('-')[0] ?? '') as Way
  const open = new Map<string, Message>()
  world.far.reply = ({ operation }) => {
    const message = operation as Message
    const body = bodyOf(message)
    if (!wayOf(body).gate.take(message.place)) return outcomeOf('order')
    note('taken', body)
    open.set(body, message)
    return undefined
  }
  ends.onEnd = (body, status) => {
    note('ended', body, status)
    wayOf(body).ended(status)
  }
  let count = 0
  const send = (): undefined => {
    const from = senders[below(senders.length)] ?? alice
    const body = `${from.user}-${count++}`
    if (wayOf(body).isFailing) return
    wayOf(body).open++
    note('given', body)
    give({ body, from, to: bob })
  }
  const answer = (most: number): undefined => {
    for (const [body, { place }] of open) {
      if (below(3) >= most) continue
      open.delete(body)
      const status = below(5) === 0 ? 'inbox-full' : 'delivered'
      if (isTemporary(status)) {
        wayOf(body).gate.goBack(place)
        note('failed', body)
      }
      world.far.answer(` ${body}`, status)
    }
  }
  /** As after a restart: what it counted is gone. */
  const forget = (): undefined => {
    for (const way of ways.values()) way.gate = new LaneGate()
  }
  const acts: readonly (() => undefined)[] = [
    ...Array<typeof send>(6).fill(send),
    ...Array(3).fill(() => answer(2)),
    ...[world.stall, world.resume, world.resume],
    () => (below(3) === 0 ? world.lose() : undefined),
    () => (below(3) === 0 ? forget() : undefined),
    ...[world.restore, world.restore],
  ]
  for (let n = 0; n < 400; n++) {
    acts[below(acts.length)]?.()
    if (below(3) === 0) await world.run(below(40))
  }
  world.resume()
  world.restore()
  for (let n = 0; n < 20; n++) {
    await world.run(soon)
    answer(3)
  }
  await world.run(long)
  return events
}
