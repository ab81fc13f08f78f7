/**
 * The compositor (RFC 3903 §3): what was published for the presentities of our domains, by whom and until when.
 *
 * In:    PUBLISH of somebody who may publish for the presentity.
 * Out:   an answer; the document of a presentity and its version; `changed` after each change of a document.
 * Fails: `bad-request`, `too-large`, `conflict` (a tuple of another publication, or an entity-tag used for something
 *        else), `precondition-failed` (not the latest tag), `lease-unknown` (no such publication), `lease-too-short`,
 *        `limit-reached` (of one presentity), `busy` (no room for the time being); all of them leave everything as it was.
 * Spec:  RFC 3903 per tuple: a publication owns its tuples, so that one endpoint never wipes another's (draft §5.5.1).
 *        Nothing but PUBLISH and the end of a lease changes presence: a connection never implies it.
 */
import type { Address } from '../../address/address.ts'
import type { Env } from '../../env.ts'
import type { Status } from '../../errors.ts'
import { nowhere, TimerWheel } from '../../lib/timer-wheel.ts'
import type { LimitName } from '../../limits.ts'
import { answered, later, type Outcome, outcomeOf } from '../../operation/call.ts'
import type { Presence, Publish } from '../../operation/presence.ts'
import type { Account } from '../../shares/account.ts'
import {
  composeText,
  defaultDocument,
  isSameTuples,
  parseDocument,
  type Tuples,
} from '../../wire/document.ts'
import { fullMs, grantPublication } from '../lease.ts'
import { digestOf, type EntityTag, EntityTags } from './entity-tags.ts'
import { isWellFormed, type Publication } from './publication.ts'

type Presentity = {
  readonly address: Address
  /** Whose place it takes. */
  readonly account: Account
  readonly publications: Set<Publication>
  seq: number
  /** Made when it is first asked for after a change, and then the same bytes for everybody. */
  presence: Presence | undefined
}

/** What is to hold from now on, in the place of what `old` holds if there is one. */
type Edit = {
  readonly publisher: Address
  readonly presentity: Address
  readonly entityTag: string
  readonly digest: string
  readonly leaseSeconds: number
  readonly tuples: Tuples
  readonly old: Publication | undefined
}

/** Versions follow the clock, so that nobody is remembered for them: 32 bits last 13 years. */
const tickMs = 100

export class Presentities {
  readonly #env: Env
  readonly #accountOf: (user: Address) => Account
  /** The document of a presentity is another one now. */
  readonly #changed: (presentity: Address) => undefined
  /** Drawn at each start: what an earlier process counted is not comparable. */
  readonly #epoch: number
  readonly #byAddress = new Map<string, Presentity>()
  readonly #tags: EntityTags
  readonly #leases: TimerWheel<'leaseSlot', Publication>
  readonly #default = defaultDocument()
  readonly #startedAt: number
  /** Presentities that are forgotten and changed so fast that their versions are ahead of the clock. */
  readonly #ahead = new Map<string, number>()

  constructor(
    env: Env,
    accountOf: (user: Address) => Account,
    changed: (presentity: Address) => undefined,
  ) {
    const { clock, random, limits, meter } = env
    this.#env = env
    this.#accountOf = accountOf
    this.#changed = changed
    this.#epoch = random.bytes(4).readUInt32BE()
    this.#startedAt = clock.now()
    this.#tags = new EntityTags(clock, limits)
    this.#leases = new TimerWheel({
      clock,
      tickMs: 1000,
      field: 'leaseSlot',
      due: (publication) => this.#end(publication, 'lapsed'),
    })
    meter.gauge('presence_presentities', {}, () => this.#byAddress.size)
    meter.gauge('presence_leases', { of: 'publication' }, () => this.#leases.size)
  }

  publish(publish: Publish): Outcome {
    if (!isWellFormed(publish)) return outcomeOf('bad-request')
    if (publish.leaseSeconds === 0) return this.#remove(publish)
    const { limits } = this.#env
    const leaseSeconds = grantPublication(publish.leaseSeconds, limits)
    if (leaseSeconds === undefined) {
      return answered('lease-too-short', { leaseSeconds: limits.leaseMinSeconds })
    }
    const { entityTag, document } = publish
    if (entityTag === undefined || document === undefined) {
      return this.#refresh(publish, leaseSeconds)
    }
    return this.#publish(publish, entityTag, document, leaseSeconds)
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
    for (const { account } of this.#byAddress.values())
      this.#env.shares.give(account, 'presentities')
    this.#byAddress.clear()
    this.#leases.stop()
    this.#tags.stop()
  }

  /** Create or modify. */
  #publish(publish: Publish, entityTag: string, document: Buffer, leaseSeconds: number): Outcome {
    const { presentity, publisher, ifMatch } = publish
    const digest = digestOf(publish, document)
    const known = this.#tags.find(publisher, entityTag)
    if (known !== undefined) return this.#repeat(known, digest)
    const old = ifMatch === undefined ? undefined : this.#current(publish, ifMatch)
    if (typeof old === 'string') return outcomeOf(old)
    const parsed = parseDocument(document, this.#env.limits)
    if (parsed.status !== 'ok') {
      const { meter } = this.#env
      if (parsed.status === 'too-large') meter.hit('presenceBytes')
      if (parsed.status === 'limit-reached') meter.hit('tuples')
      return outcomeOf(parsed.status)
    }
    const { tuples } = parsed
    const edit = { publisher, presentity, entityTag, digest, leaseSeconds, tuples, old }
    const refusal = this.#refusalOf(edit)
    if (refusal !== undefined) return outcomeOf(refusal)
    const row = this.#byAddress.get(presentity.text) ?? this.#add(presentity)
    return row === undefined ? full : this.#put(edit, row)
  }

  #refresh(publish: Publish, leaseSeconds: number): Outcome {
    const publication = this.#current(publish, publish.ifMatch)
    if (typeof publication === 'string') return outcomeOf(publication)
    return this.#lease(publication, leaseSeconds)
  }

  #remove(publish: Publish): Outcome {
    const publication = this.#current(publish, publish.ifMatch)
    if (typeof publication !== 'string') this.#end(publication, 'removed')
    else if (!this.#isRemoved(publish)) return outcomeOf(publication)
    return answered('ok', { leaseSeconds: 0 })
  }

  /** [LINK-6.8-4] The same entity-tag again: the same answer, and true again since the lease starts anew. */
  #repeat(known: EntityTag, digest: string): Outcome {
    if (known.digest !== digest) return outcomeOf('conflict')
    const { publication, leaseSeconds } = known
    return holds(known) ? this.#lease(publication, leaseSeconds) : answered('ok', { leaseSeconds })
  }

  /** The live publication that `ifMatch` names; only its publisher can name it. */
  #current({ publisher, presentity }: Publish, ifMatch = ''): Publication | Status {
    const publication = this.#tags.find(publisher, ifMatch)?.publication
    if (publication?.state !== 'live' || publication.presentity.text !== presentity.text) {
      return 'lease-unknown'
    }
    return publication.entityTag === ifMatch ? publication : 'precondition-failed'
  }

  /** Whether this is a repeat of the request that removed a publication. */
  #isRemoved({ publisher, presentity, ifMatch = '' }: Publish): boolean {
    const publication = this.#tags.find(publisher, ifMatch)?.publication
    return (
      publication?.state === 'removed' &&
      publication.entityTag === ifMatch &&
      publication.presentity.text === presentity.text
    )
  }

  /** Whether `edit` takes another's tuples, or leaves the presentity with more than there is room for. */
  #refusalOf({ presentity, tuples, old }: Edit): Status | undefined {
    const { limits } = this.#env
    const row = this.#byAddress.get(presentity.text)
    if (row === undefined) return undefined
    const all = new Map(tuples)
    for (const other of row.publications) {
      if (other === old) continue
      for (const [id, tuple] of other.tuples) {
        if (tuples.has(id)) return 'conflict'
        all.set(id, tuple)
      }
    }
    if (all.size > limits.tuples) return this.#full('tuples')
    // Watchers take no longer document than publishers may send.
    const bytes = Buffer.byteLength(composeText(all))
    return bytes > limits.presenceBytes ? this.#full('presenceBytes') : undefined
  }

  #put(edit: Edit, row: Presentity): Outcome {
    const { presentity, tuples, old, entityTag, digest, leaseSeconds } = edit
    const changes = old === undefined || !isSameTuples(old.tuples, tuples)
    const publication = old ?? this.#create(edit, row)
    if (old !== undefined) this.#tags.retire(old)
    publication.tuples = tuples
    publication.entityTag = entityTag
    this.#tags.add(publication, digest, leaseSeconds)
    const outcome = this.#lease(publication, leaseSeconds)
    if (changes) this.#change(presentity)
    return outcome
  }

  /** Nothing: there is no room. */
  #add(address: Address): Presentity | undefined {
    const { shares, meter } = this.#env
    const account = this.#accountOf(address)
    if (!shares.take(account, 'presentities')) {
      meter.hit('presentities')
      return undefined
    }
    const row = {
      address,
      account,
      publications: new Set<Publication>(),
      seq: this.#seqOf(address),
      presence: undefined,
    }
    this.#byAddress.set(address.text, row)
    return row
  }

  #create({ publisher, tuples, entityTag }: Edit, row: Presentity): Publication {
    const place = { publisher, presentity: row.address, leaseSlot: nowhere }
    const publication: Publication = { ...place, entityTag, tuples, state: 'live' }
    row.publications.add(publication)
    return publication
  }

  #lease(publication: Publication, leaseSeconds: number): Outcome {
    this.#leases.set(publication, this.#env.clock.now() + leaseSeconds * 1000)
    return answered('ok', { leaseSeconds })
  }

  #end(publication: Publication, state: 'removed' | 'lapsed'): undefined {
    publication.state = state
    this.#leases.delete(publication)
    this.#tags.retire(publication)
    this.#byAddress.get(publication.presentity.text)?.publications.delete(publication)
    this.#change(publication.presentity)
  }

  #change(presentity: Address): undefined {
    const row = this.#byAddress.get(presentity.text)
    if (row === undefined) return
    row.seq = Math.max(row.seq + 1, this.#tick())
    row.presence = undefined
    if (row.publications.size === 0) this.#forget(row)
    this.#changed(row.address)
  }

  #forget({ address: { text }, account, seq }: Presentity): undefined {
    this.#byAddress.delete(text)
    this.#env.shares.give(account, 'presentities')
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
    return Math.floor((this.#env.clock.now() - this.#startedAt) / tickMs)
  }

  #full(limit: LimitName): Status {
    this.#env.meter.hit(limit)
    return 'limit-reached'
  }
}

/** There is no room, for the time being. */
const full = later('busy', fullMs)

/** Whether it names the state that its publication has now. */
const holds = ({ publication, value }: EntityTag): boolean =>
  publication.state === 'live' && publication.entityTag === value

/** Composition: the union of all publications, which share no tuple. */
function tuplesOf(publications: ReadonlySet<Publication>): Tuples {
  const all = new Map<string, string>()
  for (const { tuples } of publications) for (const [id, tuple] of tuples) all.set(id, tuple)
  return all
}
