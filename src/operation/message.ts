/**
 * An instant message on its way: its canonical bytes, and where it stands in its lane. Every door makes it so, and
 * nobody encodes it anew.
 *
 * In:    the bytes of a request, lent: end-to-end fields, then the body.
 * Out:   the same bytes for whoever carries it on.
 * Spec:  [LINK-4.1-6] what travels unchanged, [LINK-6.7-13]
 */
import type { Address } from '../address/address.ts'
import type { Status } from '../errors.ts'
import type { Account } from '../shares/account.ts'
import type { ByteBudget } from '../shares/byte-budget.ts'
import type { Call } from './call.ts'
import type { Lane } from './lane.ts'

/**
 * Place in a lane on the hop by which a message came. Sequence 0: that door does not count.
 * `settled`: the highest sequence whose answer, and all before it, the sender holds.
 */
export type Place = {
  readonly epoch: number
  readonly sequence: number
  readonly settled: number
}

export class Message {
  readonly kind = 'message' as const
  readonly from: Address
  readonly to: Address
  readonly place: Place
  /** Hops so far, this gateway included. */
  readonly hops: number
  /** The first odd end-to-end field that is not understood here; 0: none. Only the last receiver minds. */
  readonly unknownField: number
  buffer: Buffer
  /** Where the 16 bytes of its id stand. */
  idAt: number
  /** End-to-end fields from here to `bodyAt`, then the body up to `end`. */
  fieldsAt: number
  bodyAt: number
  end: number
  /** Set by `route/` before any stage sees the message: what each stage remembers of its lane hangs there. */
  lane!: Lane
  /** Set by the stage that owes the answer; none for a message that comes out of a queue. */
  call: Call<Message> | undefined = undefined
  /** Whether it has taken its place in its lane, and gives it back if it fails for a time. */
  hasPlace = false
  /** What the owner of the inbox says; nothing: it may come in. */
  refusal: Status | undefined = undefined
  /** Its place in the store. */
  seq = -1
  #budget: ByteBudget | undefined = undefined
  #payer: Account | undefined = undefined

  constructor(
    from: Address,
    to: Address,
    place: Place,
    hops: number,
    unknownField: number,
    buffer: Buffer,
    idAt: number,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ) {
    this.from = from
    this.to = to
    this.place = place
    this.hops = hops
    this.unknownField = unknownField
    this.buffer = buffer
    this.idAt = idAt
    this.fieldsAt = fieldsAt
    this.bodyAt = bodyAt
    this.end = end
  }

  /** Who pays while it waits: its sender. One that comes out of a queue has no lane yet. */
  get payer(): Account | undefined {
    return (this.lane as Lane | undefined)?.sender.account
  }

  /** Whether its bytes are its own, and paid. */
  get isDetached(): boolean {
    return this.#budget !== undefined
  }

  /**
   * Bytes of its own, out of `budget` and paid by its sender, for a message that waits; false: there is no room. `source`: where they lie now,
   * if what it was lent may be gone.
   */
  detach(budget: ByteBudget, source: Pick<Message, 'buffer' | 'fieldsAt'> = this): boolean {
    if (this.#budget !== undefined) return true
    const { fieldsAt, end, payer } = this
    const length = end - fieldsAt
    if (!budget.take(payer, length)) return false
    this.#budget = budget
    this.#payer = payer
    this.buffer = Buffer.from(source.buffer.subarray(source.fieldsAt, source.fieldsAt + length))
    this.idAt -= fieldsAt
    this.bodyAt -= fieldsAt
    this.end -= fieldsAt
    this.fieldsAt = 0
    return true
  }

  /** It has ended: what it held is free. */
  release(): undefined {
    this.#budget?.give(this.#payer, this.end - this.fieldsAt)
    this.#budget = undefined
  }
}
