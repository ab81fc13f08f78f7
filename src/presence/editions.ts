/**
 * What it takes to answer the repeat of a PUBLISH as the first time (design 7), and to tell an old tag from a wrong one.
 *
 * In:    each document that was accepted: an *edition*, named by the entity-tag that its publisher chose.
 * Out:   the edition of a tag. The one that holds now is known as long as its publication lives; those before it, and the
 *        last one of a removed publication, for as long as a repeat may be under way after the loss of a link.
 * Fails: never. Past editions are bounded by `limits.duplicates`; without room a repeat is a new request.
 */
import { hash } from 'node:crypto'
import type { Address } from '../address/address.ts'
import type { Clock } from '../lib/clock.ts'
import { nowhere, TimerWheel } from '../lib/timer-wheel.ts'
import type { Limits } from '../limits.ts'
import type { Tuples } from './document.ts'

export type Publication = {
  readonly publisher: Address
  readonly presentity: Address
  /** The entity-tag of the edition that holds. */
  etag: string
  tuples: Tuples
  state: 'live' | 'removed' | 'lapsed'
  leaseSlot: number
}

export type Edition = {
  readonly publication: Publication
  readonly etag: string
  /** Of what was asked. */
  readonly digest: string
  readonly leaseSeconds: number
  endSlot: number
}

/** Everything that a repeat does not change. */
export const digestOf = (presentity: Address, ifMatch: string | undefined, body: Uint8Array) =>
  hash('sha256', `${presentity.text} ${ifMatch ?? '-'} ${hash('sha256', body)}`, 'base64')

export class Editions {
  /** Under publisher and tag: nobody can take or guess the tag of another publisher. */
  readonly #byKey = new Map<string, Edition>()
  readonly #past: TimerWheel<'endSlot', Edition>
  readonly #clock: Clock
  readonly #limits: Limits

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock
    this.#limits = limits
    this.#past = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'endSlot',
      due: (edition) => this.#forget(edition),
    })
  }

  get size(): number {
    return this.#byKey.size
  }

  find(publisher: Address, etag: string): Edition | undefined {
    const edition = this.#byKey.get(keyOf(publisher, etag))
    // A repeat must not be told that a lapsed publication is there.
    return edition?.publication.state === 'lapsed' ? undefined : edition
  }

  /** `publication` holds a new edition under its `etag`. */
  add(publication: Publication, digest: string, leaseSeconds: number): undefined {
    const { publisher, etag } = publication
    const edition = { publication, etag, digest, leaseSeconds, endSlot: nowhere }
    this.#byKey.set(keyOf(publisher, etag), edition)
  }

  /** The edition that `publication` has held until now is past. */
  retire(publication: Publication): undefined {
    const edition = this.#byKey.get(keyOf(publication.publisher, publication.etag))
    if (edition === undefined) return
    const { redialCapMs, dialMs, requestMs, duplicates } = this.#limits
    if (publication.state === 'lapsed' || this.#past.size >= duplicates) this.#forget(edition)
    else this.#past.set(edition, this.#clock.now() + redialCapMs + dialMs + requestMs)
  }

  stop(): undefined {
    this.#past.stop()
    this.#byKey.clear()
  }

  #forget(edition: Edition): undefined {
    const key = keyOf(edition.publication.publisher, edition.etag)
    // After a lapse the same tag may name another publication.
    if (this.#byKey.get(key) === edition) this.#byKey.delete(key)
  }
}

const keyOf = (publisher: Address, etag: string): string => `${publisher.text} ${etag}`
