/**
 * Messages to our users: once, in order, each with one answer.
 *
 * In:    envelopes that the policy let pass and whose recipient is ours.
 * Out:   the message to the home service; its outcome to everyone who asked with this id.
 * Fails: `conflict` (id used for something else), `order` (gap in the lane), `busy` (no room for a record).
 * Spec:  [LINK-6.7-5], [LINK-6.7-9] to [LINK-6.7-11]
 */
import type { Envelope } from '../envelope.ts'
import { isTemporary, type Status, statusNumber, statusOf } from '../errors.ts'
import type { Lane, Sender } from '../lane.ts'
import { ContentHash } from '../lib/content-hash.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import { Duplicates } from './duplicates.ts'
import { goBack, takePlace } from './lane-in.ts'

/** Told once how a message ended that was handed over. */
export type Delivery = { readonly ended: (envelope: Envelope, status: Status) => undefined }

export type InboundNeeds = {
  /** Hands the message to the sessions of its recipient; `delivery.ended` is called once. */
  readonly deliver: (envelope: Envelope, delivery: Delivery) => undefined
  readonly random: Random
  readonly senders: () => Iterable<Sender>
  readonly limits: Limits
  readonly limitHit: (limit: string) => undefined
  readonly ended: (envelope: Envelope, status: Status) => undefined
}

export class Inbound implements Delivery {
  readonly #needs: InboundNeeds
  readonly #duplicates: Duplicates
  /** Of the message that is judged. */
  readonly #content: ContentHash
  /** Repetitions of messages that are under way, by the slot of their record. */
  readonly #repeated = new Map<number, Envelope[]>()

  constructor(needs: InboundNeeds) {
    this.#needs = needs
    this.#duplicates = new Duplicates(needs.limits, needs.random, needs.senders)
    this.#content = new ContentHash(needs.random)
  }

  get records(): number {
    return this.#duplicates.table.size
  }

  /** `idAt`: where the id of the message stands in the buffer of its envelope. */
  accept(envelope: Envelope, idAt: number): undefined {
    const { lane, cameAs, buffer, fieldsAt, end, at } = envelope
    const duplicates = this.#duplicates
    duplicates.settle(lane, cameAs)
    this.#content.take(buffer, fieldsAt, end)
    const known = duplicates.table.find(lane.sender.number, buffer, idAt)
    if (known !== -1) return this.#repeat(envelope, known)
    if (!takePlace(lane, cameAs)) return this.#end(envelope, 'order')
    const slot = duplicates.add(lane, buffer, idAt, this.#content, cameAs, at)
    if (slot === -1) {
      this.#needs.limitHit('duplicates')
      goBack(lane, cameAs)
      return this.#end(envelope, 'busy')
    }
    envelope.record = slot
    this.#needs.deliver(envelope, this)
  }

  ended(envelope: Envelope, status: Status): undefined {
    const { table } = this.#duplicates
    const slot = envelope.record
    const failed = isTemporary(status)
    if (failed) table.remove(slot)
    else table.end(slot, statusNumber(status))
    this.#settleOne(envelope, status, failed)
    const others = this.#repeated.get(slot)
    if (others === undefined) return
    this.#repeated.delete(slot)
    for (const other of others) this.#settleOne(other, status, failed)
  }

  sweep(now: number): undefined {
    this.#duplicates.sweep(now)
  }

  /** The lane is to be forgotten; false while a message of it is under way. */
  giveUp(lane: Lane): boolean {
    return this.#duplicates.giveUp(lane)
  }

  #settleOne(envelope: Envelope, status: Status, failed: boolean): undefined {
    if (failed) goBack(envelope.lane, envelope.cameAs)
    this.#end(envelope, status)
  }

  /** [LINK-6.7-9] The same answer again; a repetition of one under way shares the answer. */
  #repeat(envelope: Envelope, slot: number): undefined {
    const { table } = this.#duplicates
    // [LINK-6.7-10]
    if (!table.hasContent(slot, this.#content)) return this.#end(envelope, 'conflict')
    // It may have a new place in the lane, which counts as taken.
    takePlace(envelope.lane, envelope.cameAs)
    if (table.isEnded(slot)) return this.#end(envelope, statusOf(table.status(slot)) ?? 'internal')
    const others = this.#repeated.get(slot)
    if (others === undefined) this.#repeated.set(slot, [envelope])
    else others.push(envelope)
  }

  #end(envelope: Envelope, status: Status): undefined {
    this.#needs.ended(envelope, status)
    envelope.origin.reply(envelope, status, -1)
  }
}
