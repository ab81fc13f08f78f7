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
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { type DuplicateRecord, Duplicates } from './duplicates.ts'
import { LanesIn } from './lanes-in.ts'

export type InboundNeeds = {
  /** Hands the message to the sessions of its recipient; `done` is called once. */
  readonly deliver: (envelope: Envelope, done: (status: Status) => undefined) => undefined
  readonly clock: Clock
  readonly limits: Limits
  readonly limitHit: (limit: string) => undefined
  readonly ended: (envelope: Envelope, status: Status) => undefined
}

export class Inbound {
  readonly #needs: InboundNeeds
  readonly #lanes: LanesIn
  readonly #duplicates: Duplicates

  constructor(needs: InboundNeeds) {
    this.#needs = needs
    this.#lanes = new LanesIn(needs.limits)
    this.#duplicates = new Duplicates(needs.limits)
  }

  get records(): number {
    return this.#duplicates.size
  }

  accept(envelope: Envelope, id: string): undefined {
    const { sender, recipient, cameAs, buffer, fieldsAt, end } = envelope
    const now = this.#needs.clock.now()
    this.#duplicates.settle(sender.text, recipient.text, cameAs)
    const digest = hash('sha256', buffer.subarray(fieldsAt, end), 'latin1' as 'hex')
    const known = this.#duplicates.find(sender.text, id)
    if (known !== undefined) return this.#repeat(envelope, known, digest)
    if (!this.#lanes.take(sender.text, recipient.text, cameAs, now)) {
      return this.#end(envelope, 'order')
    }
    const record = this.#duplicates.add(envelope, id, digest, now)
    if (record === undefined) {
      this.#needs.limitHit('duplicates')
      this.#lanes.goBack(sender.text, recipient.text, cameAs)
      return this.#end(envelope, 'busy')
    }
    this.#needs.deliver(envelope, (status) => this.#settle(record, status))
  }

  /** A message of ours that goes elsewhere keeps its order on the hop from its client, too. */
  takeInOrder({ sender, recipient, cameAs }: Envelope): boolean {
    return this.#lanes.take(sender.text, recipient.text, cameAs, this.#needs.clock.now())
  }

  /** It failed for a time: it has to come again before what follows. */
  goBack({ sender, recipient, cameAs }: Envelope): undefined {
    if (cameAs.sequence > 0) this.#lanes.goBack(sender.text, recipient.text, cameAs)
  }

  sweep(now: number): undefined {
    this.#lanes.sweep(now, 600_000)
    this.#duplicates.sweep(now)
  }

  /** [LINK-6.7-9] The same answer again; a repetition of one under way shares the answer. */
  #repeat(envelope: Envelope, known: DuplicateRecord, digest: string): undefined {
    if (known.digest !== digest) return this.#end(envelope, 'conflict')
    // It may have a new place in the lane, which counts as taken.
    this.takeInOrder(envelope)
    if (known.status === undefined) known.waiting.push(envelope)
    else this.#end(envelope, known.status)
  }

  #settle(record: DuplicateRecord, status: Status): undefined {
    const { waiting } = record
    record.waiting = []
    if (isTemporary(status)) {
      this.#duplicates.remove(record)
      for (const envelope of waiting) this.goBack(envelope)
    } else record.status = status
    for (const envelope of waiting) this.#end(envelope, status)
  }

  #end(envelope: Envelope, status: Status): undefined {
    this.#needs.ended(envelope, status)
    envelope.origin.reply(envelope, status, -1)
  }
}
