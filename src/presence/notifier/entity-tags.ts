/**
 * Entity-tags (RFC 3903 §4.1): each names one state of a publication, and is chosen by its publisher.
 *
 * With it a repeated PUBLISH is answered as the first time (an idempotency key), and an old tag is told from a wrong one.
 *
 * In:    each document that was accepted, under its tag.
 * Out:   what is known of a tag. The one that holds is known as long as its publication lives; those before it, and the
 *        last one of a removed publication, for as long as a repeat may be under way after the loss of a link.
 * Fails: never. Past tags are bounded by `limits.duplicates`; without room a repeat is a new request.
 */
import { hash } from 'node:crypto'
import type { Address } from '../../address/address.ts'
import type { Clock } from '../../lib/clock.ts'
import { nowhere, TimerWheel } from '../../lib/timer-wheel.ts'
import type { Limits } from '../../limits.ts'
import type { Publish } from '../../operation/presence.ts'
import type { Publication } from './publication.ts'

export type EntityTag = {
  readonly publication: Publication
  /** 16 bytes as text. */
  readonly value: string
  /** Of what was asked. */
  readonly digest: string
  readonly leaseSeconds: number
  endSlot: number
}

/** Everything that a repeat does not change. */
export const digestOf = ({ presentity, ifMatch }: Publish, document: Uint8Array): string =>
  hash('sha256', `${presentity.text} ${ifMatch ?? '-'} ${hash('sha256', document)}`, 'base64')

export class EntityTags {
  /** Under publisher and tag: nobody can take or guess the tag of another publisher. */
  readonly #byKey = new Map<string, EntityTag>()
  readonly #past: TimerWheel<'endSlot', EntityTag>
  readonly #clock: Clock
  readonly #limits: Limits

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock
    this.#limits = limits
    this.#past = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'endSlot',
      due: (tag) => this.#forget(tag),
    })
  }

  find(publisher: Address, value: string): EntityTag | undefined {
    const tag = this.#byKey.get(keyOf(publisher, value))
    // A repeat must not be told that a lapsed publication is there.
    return tag?.publication.state === 'lapsed' ? undefined : tag
  }

  /** `publication` has a new state under its `entityTag`. */
  add(publication: Publication, digest: string, leaseSeconds: number): undefined {
    const { publisher, entityTag: value } = publication
    const tag = { publication, value, digest, leaseSeconds, endSlot: nowhere }
    this.#byKey.set(keyOf(publisher, value), tag)
  }

  /** The tag that `publication` has had until now is past. */
  retire(publication: Publication): undefined {
    const tag = this.#byKey.get(keyOf(publication.publisher, publication.entityTag))
    if (tag === undefined) return
    const { redialCapMs, dialMs, requestMs, duplicates } = this.#limits
    if (publication.state === 'lapsed' || this.#past.size >= duplicates) this.#forget(tag)
    else this.#past.set(tag, this.#clock.now() + redialCapMs + dialMs + requestMs)
  }

  stop(): undefined {
    this.#past.stop()
    this.#byKey.clear()
  }

  #forget(tag: EntityTag): undefined {
    const key = keyOf(tag.publication.publisher, tag.value)
    // After a lapse the same tag may name another publication.
    if (this.#byKey.get(key) === tag) this.#byKey.delete(key)
  }
}

const keyOf = (publisher: Address, value: string): string => `${publisher.text} ${value}`
