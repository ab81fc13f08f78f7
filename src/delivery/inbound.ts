/**
 * Messages to our users: once, in order, each with one answer.
 *
 * In:    envelopes that the policy let pass and whose recipient is ours.
 * Out:   the message to the home service; its outcome to everyone who asked with this id.
 * Fails: `conflict` (id used for something else), `order` (gap in the lane), `busy` (no room for a record).
 * Spec:  [LINK-6.7-5], [LINK-6.7-9] to [LINK-6.7-11]
 */
import { hash } from 'node:crypto'
import type { Envelope } from '../envelope.ts'
import { isTemporary, type Status } from '../errors.ts'
import type { DuplicateRecord, Senders } from '../lane.ts'
import type { Limits } from '../limits.ts'
import { Duplicates } from './duplicates.ts'
import { goBack, takePlace } from './lane-in.ts'

/** Told once how a message ended that was handed over. */
export type Delivery = { readonly ended: (status: Status) => undefined }

export type InboundNeeds = {
  /** Hands the message to the sessions of its recipient; `delivery.ended` is called once. */
  readonly deliver: (envelope: Envelope, delivery: Delivery) => undefined
  readonly limits: Limits
  readonly limitHit: (limit: string) => undefined
  readonly ended: (envelope: Envelope, status: Status) => undefined
}

export class Inbound {
  readonly #needs: InboundNeeds
  readonly #duplicates: Duplicates

  constructor(needs: InboundNeeds) {
    this.#needs = needs
    this.#duplicates = new Duplicates(needs.limits)
  }

  get records(): number {
    return this.#duplicates.size
  }

  accept(envelope: Envelope, id: string): undefined {
    const { lane, cameAs, buffer, fieldsAt, end } = envelope
    this.#duplicates.settle(lane, cameAs)
    const digest = hash('sha256', buffer.subarray(fieldsAt, end), 'latin1' as 'hex')
    const known = lane.sender.records.get(id)
    if (known !== undefined) return this.#repeat(envelope, known, digest)
    if (!takePlace(lane, cameAs)) return this.#end(envelope, 'order')
    const record = this.#duplicates.add(lane, envelope, id, digest)
    if (record === undefined) {
      this.#needs.limitHit('duplicates')
      goBack(lane, cameAs)
      return this.#end(envelope, 'busy')
    }
    this.#needs.deliver(envelope, new Settlement(this, record))
  }

  settle(record: DuplicateRecord, status: Status): undefined {
    const { first, others } = record
    record.first = undefined
    record.others = undefined
    record.status = status
    const failed = isTemporary(status)
    if (failed) this.#duplicates.remove(record)
    if (first !== undefined) this.#settleOne(first, status, failed)
    for (const envelope of others ?? []) this.#settleOne(envelope, status, failed)
  }

  sweep(senders: Senders, now: number): undefined {
    this.#duplicates.sweep(senders.all, now)
  }

  #settleOne(envelope: Envelope, status: Status, failed: boolean): undefined {
    if (failed) goBack(envelope.lane, envelope.cameAs)
    this.#end(envelope, status)
  }

  /** [LINK-6.7-9] The same answer again; a repetition of one under way shares the answer. */
  #repeat(envelope: Envelope, known: DuplicateRecord, digest: string): undefined {
    if (known.digest !== digest) return this.#end(envelope, 'conflict')
    // It may have a new place in the lane, which counts as taken.
    takePlace(envelope.lane, envelope.cameAs)
    if (known.status !== undefined) return this.#end(envelope, known.status)
    known.others ??= []
    known.others.push(envelope)
  }

  #end(envelope: Envelope, status: Status): undefined {
    this.#needs.ended(envelope, status)
    envelope.origin.reply(envelope, status, -1)
  }
}

/** The end of one message, for its record. */
class Settlement implements Delivery {
  readonly #inbound: Inbound
  readonly #record: DuplicateRecord

  constructor(inbound: Inbound, record: DuplicateRecord) {
    this.#inbound = inbound
    this.#record = record
  }

  ended(status: Status): undefined {
    return this.#inbound.settle(this.#record, status)
  }
}
