/**
 * The presentities of our domains: what was published for them, by whom and until when.
 *
 * In:    PUBLISH of a principal that policy/ lets publish for the presentity; FETCH.
 * Out:   an answer; the document of a presentity and its version; `changed` after each change of a document.
 * Fails: `bad-request`, `too-large`, `conflict` (a tuple of another publication, or an entity-tag used for something
 *        else), `precondition-failed` (not the latest tag), `lease-unknown` (no such publication), `lease-too-short`,
 *        `limit-reached`; all of them leave everything as it was.
 * Spec:  RFC 3903 per tuple: a publication owns its tuples, so that one endpoint never wipes another's (draft §5.5.1).
 *        Nothing but PUBLISH and the end of a lease changes presence: a connection never implies it.
 */
import type { Address } from '../address/address.ts'
import type { Clock } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import type { Random } from '../lib/random.ts'
import { nowhere, TimerWheel } from '../lib/timer-wheel.ts'
import type { LimitName, Limits } from '../limits.ts'
import {
  composeText,
  defaultDocument,
  isSameTuples,
  type Presence,
  parseDocument,
  type Tuples,
} from './document.ts'
import { digestOf, type Edition, Editions, type Publication } from './editions.ts'
import { grantPublication } from './lease.ts'
import {
  isWellFormed,
  type PublishAnswer,
  type PublishRefusal,
  type PublishRequest,
  refuse,
} from './publication.ts'

export type PresentitiesNeeds = {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
  /** The document of `presentity` is another one now. */
  readonly changed: (presentity: Address) => undefined
}

type Presentity = {
  readonly address: Address
  readonly publications: Set<Publication>
  seq: number
  /** Made when it is first asked for after a change, and then the same bytes for everybody. */
  presence: Presence | undefined
}

/** What is to hold from now on, in the place of what `old` holds if there is one. */
type Edit = {
  readonly publisher: Address
  readonly presentity: Address
  readonly etag: string
  readonly digest: string
  readonly leaseSeconds: number
  readonly tuples: Tuples
  readonly old: Publication | undefined
}

/** Versions follow the clock, so that nobody is remembered for them: 32 bits last 13 years. */
const tickMs = 100

export class Presentities {
  readonly #needs: PresentitiesNeeds
  /** Drawn at each start: what an earlier process counted is not comparable. */
  readonly #epoch: number
  readonly #byAddress = new Map<string, Presentity>()
  readonly #editions: Editions
  readonly #leases: TimerWheel<'leaseSlot', Publication>
  readonly #default = defaultDocument()
  readonly #startedAt: number
  /** Presentities that are forgotten and changed so fast that their versions are ahead of the clock. */
  readonly #ahead = new Map<string, number>()

  constructor(needs: PresentitiesNeeds) {
    const { clock, random, limits, meter } = needs
    this.#needs = needs
    this.#epoch = random.bytes(4).readUInt32BE()
    this.#startedAt = clock.now()
    this.#editions = new Editions(clock, limits)
    this.#leases = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'leaseSlot',
      due: (publication) => this.#end(publication, 'lapsed'),
    })
    meter.gauge('presence_presentities', {}, () => this.#byAddress.size)
    meter.gauge('presence_leases', { of: 'publication' }, () => this.#leases.size)
  }

  publish(request: PublishRequest): PublishAnswer {
    if (!isWellFormed(request)) return refuse('bad-request', 'fields do not make a publication')
    if (request.leaseSeconds === 0) return this.#remove(request)
    const { limits } = this.#needs
    const leaseSeconds = grantPublication(request.leaseSeconds, limits)
    if (leaseSeconds === undefined) {
      return { status: 'lease-too-short', leaseSeconds: limits.leaseMinSeconds }
    }
    const { etag, document } = request
    if (etag === undefined || document === undefined) return this.#refresh(request, leaseSeconds)
    return this.#publish(request, etag, document, leaseSeconds)
  }

  /** The document of `presentity` as it is now; also FETCH. Whether there is such a user is not known here. */
  presence(presentity: Address): Presence {
    const row = this.#byAddress.get(presentity.text)
    if (row === undefined) {
      return {
        document: this.#default,
        version: { epoch: this.#epoch, seq: this.#seqOf(presentity) },
      }
    }
    row.presence ??= {
      document: Buffer.from(composeText(tuplesOf(row.publications))),
      version: { epoch: this.#epoch, seq: row.seq },
    }
    return row.presence
  }

  stop(): undefined {
    this.#leases.stop()
    this.#editions.stop()
  }

  /** Create or modify. */
  #publish(
    request: PublishRequest,
    etag: string,
    document: Uint8Array,
    leaseSeconds: number,
  ): PublishAnswer {
    const { presentity, publisher, ifMatch } = request
    const digest = digestOf(presentity, ifMatch, document)
    const known = this.#editions.find(publisher, etag)
    if (known !== undefined) return this.#repeat(known, digest)
    const old = ifMatch === undefined ? undefined : this.#current(request, ifMatch)
    if (isRefusal(old)) return old
    const parsed = parseDocument(document, this.#needs.limits)
    if (parsed.status !== 'ok') {
      if (parsed.status === 'too-large') this.#hit('presenceBytes')
      if (parsed.status === 'limit-reached') this.#hit('tuples')
      return parsed
    }
    const { tuples } = parsed
    const edit = { publisher, presentity, etag, digest, leaseSeconds, tuples, old }
    return this.#refusalOf(edit) ?? this.#put(edit)
  }

  #refresh(request: PublishRequest, leaseSeconds: number): PublishAnswer {
    const publication = this.#current(request, request.ifMatch)
    if (isRefusal(publication)) return publication
    return this.#lease(publication, leaseSeconds)
  }

  #remove(request: PublishRequest): PublishAnswer {
    const publication = this.#current(request, request.ifMatch)
    if (!isRefusal(publication)) this.#end(publication, 'removed')
    else if (!this.#isRemoved(request)) return publication
    return { status: 'ok', leaseSeconds: 0 }
  }

  /** [LINK-6.8-4] The same entity-tag again: the same answer, and true again since the lease starts anew. */
  #repeat(known: Edition, digest: string): PublishAnswer {
    if (known.digest !== digest) return refuse('conflict', 'the entity-tag was used before')
    const { publication, leaseSeconds } = known
    return isCurrent(known)
      ? this.#lease(publication, leaseSeconds)
      : { status: 'ok', leaseSeconds }
  }

  /** The live publication that `ifMatch` names; only its publisher can name it. */
  #current({ publisher, presentity }: PublishRequest, ifMatch = ''): Publication | PublishRefusal {
    const edition = this.#editions.find(publisher, ifMatch)
    const publication = edition?.publication
    if (publication?.state !== 'live' || publication.presentity.text !== presentity.text) {
      return refuse('lease-unknown', 'no publication has this entity-tag')
    }
    if (publication.etag !== ifMatch) {
      return refuse('precondition-failed', 'the publication has another entity-tag by now')
    }
    return publication
  }

  /** Whether this is a repeat of the request that removed a publication. */
  #isRemoved({ publisher, presentity, ifMatch = '' }: PublishRequest): boolean {
    const publication = this.#editions.find(publisher, ifMatch)?.publication
    return (
      publication?.state === 'removed' &&
      publication.etag === ifMatch &&
      publication.presentity.text === presentity.text
    )
  }

  /** Whether `edit` takes another's tuples, or leaves the presentity with more than there is room for. */
  #refusalOf({ presentity, tuples, old }: Edit): PublishRefusal | undefined {
    const { limits } = this.#needs
    const row = this.#byAddress.get(presentity.text)
    if (row === undefined) {
      return this.#byAddress.size < limits.presentities ? undefined : this.#full('presentities')
    }
    const all = new Map(tuples)
    for (const other of row.publications) {
      if (other === old) continue
      for (const [id, tuple] of other.tuples) {
        if (tuples.has(id)) return refuse('conflict', `${id}: a tuple of another publication`)
        all.set(id, tuple)
      }
    }
    if (all.size > limits.tuples) return this.#full('tuples')
    // Watchers take no longer document than publishers may send.
    const bytes = Buffer.byteLength(composeText(all))
    return bytes > limits.presenceBytes ? this.#full('presenceBytes') : undefined
  }

  #put(edit: Edit): PublishAnswer {
    const { presentity, tuples, old, etag, digest, leaseSeconds } = edit
    const changes = old === undefined || !isSameTuples(old.tuples, tuples)
    const publication = old ?? this.#create(edit)
    if (old !== undefined) this.#editions.retire(old)
    publication.tuples = tuples
    publication.etag = etag
    this.#editions.add(publication, digest, leaseSeconds)
    const answer = this.#lease(publication, leaseSeconds)
    if (changes) this.#change(presentity)
    return answer
  }

  #create({ publisher, presentity, tuples, etag }: Edit): Publication {
    const row = this.#byAddress.get(presentity.text) ?? {
      address: presentity,
      publications: new Set(),
      seq: this.#seqOf(presentity),
      presence: undefined,
    }
    this.#byAddress.set(presentity.text, row)
    const place = { publisher, presentity: row.address, leaseSlot: nowhere }
    const publication: Publication = { ...place, etag, tuples, state: 'live' }
    row.publications.add(publication)
    return publication
  }

  #lease(publication: Publication, leaseSeconds: number): PublishAnswer {
    this.#leases.set(publication, this.#needs.clock.now() + leaseSeconds * 1000)
    return { status: 'ok', leaseSeconds }
  }

  #end(publication: Publication, state: 'removed' | 'lapsed'): undefined {
    publication.state = state
    this.#leases.delete(publication)
    this.#editions.retire(publication)
    this.#byAddress.get(publication.presentity.text)?.publications.delete(publication)
    this.#change(publication.presentity)
  }

  #change(presentity: Address): undefined {
    const row = this.#byAddress.get(presentity.text)
    if (row === undefined) return
    row.seq = Math.max(row.seq + 1, this.#tick())
    row.presence = undefined
    if (row.publications.size === 0) this.#forget(row)
    this.#needs.changed(row.address)
  }

  #forget({ address: { text }, seq }: Presentity): undefined {
    this.#byAddress.delete(text)
    const now = this.#tick()
    for (const [old, its] of this.#ahead) {
      if (its > now) break
      this.#ahead.delete(old)
    }
    this.#ahead.delete(text)
    if (seq > now) this.#ahead.set(text, seq)
  }

  /** Of one that is not here: not below what it ever was, and nothing that others do can be read in it. */
  #seqOf({ text }: Address): number {
    return Math.max(this.#tick(), this.#ahead.get(text) ?? 0)
  }

  #tick(): number {
    return Math.floor((this.#needs.clock.now() - this.#startedAt) / tickMs)
  }

  #full(limit: LimitName): PublishRefusal {
    this.#hit(limit)
    return refuse('limit-reached', `no room: ${limit}`)
  }

  #hit(limit: LimitName): undefined {
    this.#needs.meter.counter('limit_hits_total', { limit }).n++
  }
}

const isRefusal = (found: Publication | PublishRefusal | undefined): found is PublishRefusal =>
  found !== undefined && 'detail' in found

const isCurrent = ({ publication, etag }: Edition): boolean =>
  publication.state === 'live' && publication.etag === etag

/** Composition: the union of all publications, which share no tuple. */
function tuplesOf(publications: ReadonlySet<Publication>): Tuples {
  const all = new Map<string, string>()
  for (const { tuples } of publications) for (const [id, tuple] of tuples) all.set(id, tuple)
  return all
}
