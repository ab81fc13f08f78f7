/**
 * What this client publishes of its user: one publication, kept alive until it is taken back.
 *
 * In:    the document that is to hold, or none; the link as it comes and goes; a tick each second.
 * Out:   the outcome of each change. Refreshed at 60 to 80 % of its lease and after each reconnect.
 * Fails: a refused change leaves what was published before; what may pass, and what has no answer within
 *        the time allowed (`link-lost`, `remote-timeout`), is told and tried again.
 * Spec:  RFC 3903 §4 [LINK-6.8-1]: a request without an answer is repeated as it was, with the same entity-tag.
 *
 * One request at a time: a change that another one overtakes before it was sent is never sent, and ends with it.
 */
import { encodePublish } from '../command/publish.ts'
import { isSuccess, isTemporary, type Status } from '../errors.ts'
import { backOff } from '../lib/back-off.ts'
import type { Clock } from '../lib/clock.ts'
import { latin1 } from '../lib/latin1.ts'
import { heldSeconds } from '../lib/lease.ts'
import type { Log } from '../lib/log.ts'
import { jitter, type Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { fields } from '../wire/registry.ts'
import type { Way } from './message-lane.ts'
import { localOutcome, type Outcome, outcomeOf } from './outcome.ts'
import { requestOf } from './request.ts'

export type PublishResult = Outcome & {
  /** Granted; 0 if nothing is published now. */
  readonly leaseSeconds: number
  /** What names the publication that holds now, for whoever is to replace it or to take it back. */
  readonly entityTag: string | undefined
}

export type PublicationNeeds = {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly log: Log
}

type Told = (result: PublishResult) => void

/** What somebody wants to hold. */
type Wish = {
  /** `undefined`: nothing. */
  readonly document: Buffer | undefined
  readonly leaseSeconds: number | undefined
  /** Tag of a publication that another client made; counts while this one holds none. */
  readonly replaces: string | undefined
}

type Asking = Wish & {
  /** How long they wait for an answer. */
  readonly lifeMs: number
}

type Change = Wish & {
  told: Told[]
  /** Then they are told that there is no answer yet. */
  readonly until: number
}

/** What the gateway holds, as far as is known. */
type Held = {
  readonly entityTag: string
  readonly document: Buffer
  readonly wantedSeconds: number | undefined
  readonly leaseSeconds: number
}

/** The request that is under way or has to be repeated as it is. */
type Step = {
  readonly kind: 'put' | 'refresh' | 'remove'
  readonly change: Change | undefined
  readonly entityTag: string | undefined
  readonly ifMatch: string | undefined
  readonly document: Buffer | undefined
  readonly leaseSeconds: number | undefined
}

const never = Number.POSITIVE_INFINITY
const noBody = Buffer.alloc(0)

export class Publication {
  readonly #needs: PublicationNeeds
  #change: Change | undefined
  #held: Held | undefined
  #step: Step | undefined
  #isAsked = false
  #failures = 0
  #refreshAt = never
  #tryAt = 0
  #way: Way | undefined
  #isStopped = false

  constructor(needs: PublicationNeeds) {
    this.#needs = needs
  }

  /** What holds now. */
  get standing(): Pick<PublishResult, 'leaseSeconds' | 'entityTag'> {
    const held = this.#held
    if (held === undefined) return { leaseSeconds: 0, entityTag: undefined }
    const entityTag = Buffer.from(held.entityTag, 'latin1').toString('hex')
    return { leaseSeconds: held.leaseSeconds, entityTag }
  }

  /** That is to hold from now on. */
  publish({ lifeMs, ...wish }: Asking, told: Told): undefined {
    if (this.#isStopped) {
      const nothing = { leaseSeconds: 0, entityTag: undefined }
      told({ ...localOutcome('link-stopped', undefined), ...nothing })
      return
    }
    const replaces = wish.replaces ?? this.#change?.replaces
    const { clock } = this.#needs
    const until = clock.now() + lifeMs
    const cancel = clock.after(lifeMs, () => this.#late(clock.now()))
    const tell: Told = (result) => {
      cancel()
      told(result)
    }
    this.#change = { ...wish, replaces, until, told: [...(this.#change?.told ?? []), tell] }
    this.#tryAt = 0
    this.#work()
  }

  /** The gateway may have lost what it held: a refresh tells. */
  up(way: Way): undefined {
    this.#way = way
    this.#tryAt = 0
    if (this.#held !== undefined) this.#refreshAt = 0
    this.#work()
  }

  down(): undefined {
    this.#way = undefined
  }

  /** Once a second. */
  tick(now: number): undefined {
    this.#work()
    this.#late(now)
  }

  #late(now: number): undefined {
    const outcome = localOutcome(
      this.#way === undefined ? 'link-lost' : 'remote-timeout',
      undefined,
    )
    for (const change of [this.#step?.change, this.#change]) {
      if (change === undefined || change.until > now) continue
      this.#tell(change, outcome, this.#held?.leaseSeconds ?? 0)
    }
  }

  stop(): undefined {
    this.#isStopped = true
    this.#way = undefined
    this.#tell(this.#step?.change, localOutcome('link-stopped', undefined), 0)
    this.#tell(this.#change, localOutcome('link-stopped', undefined), 0)
  }

  #work(): undefined {
    const way = this.#way
    const now = this.#needs.clock.now()
    if (this.#isAsked || way?.isUsable !== true || now < this.#tryAt) return
    this.#step ??= this.#next(now)
    const step = this.#step
    if (step === undefined) return
    this.#isAsked = true
    way.ask(
      requestOf({
        command: 'publish',
        fields: encodePublish(step),
        body: step.document ?? noBody,
        answered: (answer) => this.#answered(step, answer),
        failed: () => this.#failed(),
      }),
    )
  }

  #next(now: number): Step | undefined {
    const change = this.#change
    this.#change = undefined
    const held = this.#held
    const ifMatch = held?.entityTag ?? change?.replaces
    if (change?.document !== undefined) {
      const { document, leaseSeconds } = change
      return { kind: 'put', change, entityTag: this.#newTag(), ifMatch, document, leaseSeconds }
    }
    const plain = { change, entityTag: undefined, ifMatch, document: undefined }
    if (change !== undefined) {
      if (ifMatch !== undefined) return { ...plain, kind: 'remove', leaseSeconds: 0 }
      return this.#tell(change, localOutcome('ok', undefined), 0)
    }
    if (held === undefined || now < this.#refreshAt) return undefined
    return { ...plain, kind: 'refresh', leaseSeconds: held.wantedSeconds }
  }

  #failed(): undefined {
    this.#isAsked = false
    this.#again(-1)
  }

  #answered(step: Step, answer: AnswerView): undefined {
    this.#isAsked = false
    const { status, retryAfterMs } = answer
    const outcome = outcomeOf(answer)
    const leaseSeconds = Math.max(0, answer.fields.u32(fields.lease.tag))
    if (isSuccess(status)) this.#done(step, outcome, leaseSeconds)
    else if (status === 'lease-too-short' && this.#mayTake(step, leaseSeconds)) {
      // [LINK-6.8-5] The shortest that is granted will do.
      this.#step = { ...step, leaseSeconds }
    } else if (isTemporary(status)) {
      this.#tell(step.change, outcome, this.#held?.leaseSeconds ?? 0)
      // Nothing was done, so a newer change may take its place.
      this.#step = undefined
      this.#change ??= step.change
      this.#again(retryAfterMs)
    } else if (isGone(status) && step.ifMatch !== undefined) {
      this.#gone(step, outcome)
    } else {
      // Refused: what was published before still holds.
      this.#step = undefined
      if (step.change === undefined) {
        this.#forget()
        this.#needs.log.error('client.publication-lost', { cause: status })
      }
      this.#tell(step.change, outcome, this.#held?.leaseSeconds ?? 0)
    }
    this.#work()
  }

  #mayTake(step: Step, leaseSeconds: number): boolean {
    const { leaseMaxSeconds } = this.#needs.limits
    return leaseSeconds > (step.leaseSeconds ?? leaseMaxSeconds) && leaseSeconds <= leaseMaxSeconds
  }

  #done(
    { kind, change, entityTag, document, leaseSeconds: wanted }: Step,
    outcome: Outcome,
    leaseSeconds: number,
  ): undefined {
    this.#step = undefined
    this.#failures = 0
    if (kind === 'remove') this.#forget()
    else {
      const held = this.#held
      this.#held = {
        entityTag: entityTag ?? held?.entityTag ?? '',
        document: document ?? held?.document ?? noBody,
        wantedSeconds: wanted,
        leaseSeconds,
      }
      const { clock, random, limits } = this.#needs
      const ms = heldSeconds(leaseSeconds, limits) * 1000
      this.#refreshAt = clock.now() + jitter(random, ms, 0.6, 0.8)
    }
    this.#tell(change, outcome, leaseSeconds)
  }

  /** The gateway does not hold what we thought: the same once more, without what it rested on. */
  #gone(step: Step, outcome: Outcome): undefined {
    const held = this.#held
    this.#step = undefined
    this.#forget()
    if (step.kind === 'remove') return this.#tell(step.change, localOutcome('ok', undefined), 0)
    const document = step.document ?? held?.document
    if (document === undefined) return this.#tell(step.change, outcome, 0)
    const { leaseSeconds } = step
    const change = step.change ?? {
      document,
      leaseSeconds,
      replaces: undefined,
      told: [],
      until: never,
    }
    const entityTag = this.#newTag()
    this.#step = { kind: 'put', change, entityTag, ifMatch: undefined, document, leaseSeconds }
  }

  #forget(): undefined {
    this.#held = undefined
    this.#refreshAt = never
  }

  #again(retryAfterMs: number): undefined {
    const { clock, random, limits } = this.#needs
    const ms = backOff(this.#failures++, limits.redialMs, limits.redialCapMs)
    this.#tryAt = clock.now() + Math.max(retryAfterMs, jitter(random, ms, 0.8, 1.4))
  }

  #tell(change: Change | undefined, outcome: Outcome, leaseSeconds: number): undefined {
    if (change === undefined) return
    const { told } = change
    change.told = []
    const { entityTag } = this.standing
    for (const tell of told) tell({ ...outcome, leaseSeconds, entityTag })
  }

  #newTag(): string {
    return latin1(this.#needs.random.bytes(16), 0, 16)
  }
}

/** No such publication, or another entity-tag by now. */
const isGone = (status: Status): boolean =>
  status === 'lease-unknown' || status === 'precondition-failed'
