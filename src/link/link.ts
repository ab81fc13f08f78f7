/**
 * One link: the runner of `session-state.ts` over one channel, between its inbox and its outbox.
 *
 * In:    a channel, its side, and the owner's decisions.
 * Out:   `request` for each request, `answered`/`failed` for each of ours, `draining`, `closed` once.
 * Fails: every broken rule ends the link with RELEASE and a code; nothing throws.
 * Spec:  `docs/protocol.md` sections 3 to 8
 */
import { isSuccess, type Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { type Failure, FailureEncoder } from '../wire/failure.ts'
import { frame, type TrafficClass } from '../wire/registry.ts'
import { encodeRelease, type Release } from '../wire/release.ts'
import type { Queue } from './backlog.ts'
import type { Channel } from './channel.ts'
import { ChunkReader } from './chunk-reader.ts'
import { ClaimPace } from './claim-pace.ts'
import type { LinkCounters } from './counters.ts'
import { decodeHello, encodeHello, type Hello } from './hello.ts'
import { Inbox, type InboxEvents, type RequestView } from './inbox.ts'
import { KeepAlive } from './keep-alive.ts'
import { Outbox } from './outbox.ts'
import { type AnswerView, isTooLarge, type Outgoing } from './outgoing.ts'
import { Payer, type Share } from './payer.ts'
import { plainBinding } from './plain-binding.ts'
import { aboutOf, type Refusable } from './refusal.ts'
import { type Action, type Event, next, type State } from './session-state.ts'

export type { RequestView } from './inbox.ts'

export type Side = 'initiating' | 'receiving'

/** What the one above the link decides and is told. */
export type LinkOwner = {
  /** A code refuses the link. */
  readonly greeted: (link: Link, hello: Hello) => Status | undefined
  readonly request: (link: Link, request: RequestView) => undefined
  /** An answer to a request that expected none, such as a refused NOTIFY. */
  readonly orphan: (link: Link, answer: AnswerView) => undefined
  readonly draining: (link: Link, reason: Status) => undefined
  readonly closed: (link: Link, reason: Status, detail: string) => undefined
  /** Whether something lives on this link that makes silence normal. */
  readonly isUsed: (link: Link) => boolean
}

export type LinkOptions = {
  readonly channel: Channel
  readonly side: Side
  readonly hello: Hello
  readonly owner: LinkOwner
  readonly limits: Limits
  readonly clock: Clock
  /** How long an answer may take. */
  readonly answerMs: number
  /** The domain that tells the failure of a request; else that of HELLO. */
  readonly reporter?: (request: Refusable) => string
  /** Longest age in ms; drawn by the caller. */
  readonly ageMs: number
  readonly counters: LinkCounters
  readonly limitHit: (limit: string) => undefined
  /** It rested, and has to be looked at within a second. */
  readonly stirred?: () => undefined
  /** Nothing: it is read at once. */
  readonly share?: Share
}

const empty = Buffer.alloc(0)

export class Link {
  readonly side: Side
  readonly channel: Channel
  /** What the far side said of itself. */
  hello: Hello | undefined
  readonly #options: LinkOptions
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  /** For whom it is read can change. */
  readonly payer: Payer
  readonly #reader: ChunkReader
  readonly #claims: ClaimPace
  readonly #bornAt: number
  #state: State = { name: 'greeting' }
  #binding: Buffer | undefined
  #drainAt = 0
  readonly keepAlive: KeepAlive
  /** The last request of ours that the far side took, if it let go. */
  #takenThere = Number.POSITIVE_INFINITY
  #detail = ''
  readonly #failures = new FailureEncoder()
  #saidRelease = false
  /** What our RELEASE says, and until when that of the far side asks to be left alone. */
  #retryMs = 0
  #restUntil = 0

  constructor(options: LinkOptions) {
    const { channel, side, limits, clock, counters, share } = options
    this.#options = options
    this.channel = channel
    this.side = side
    this.#bornAt = clock.now()
    this.#claims = new ClaimPace(limits, this.#bornAt)
    this.keepAlive = new KeepAlive(limits, this.#bornAt + options.ageMs, (mark) =>
      this.#outbox.control(frame.ping, 0, 0, mark),
    )
    this.payer = new Payer(share)
    this.#outbox = new Outbox(
      channel,
      side === 'initiating' ? 1 : 2,
      limits,
      clock,
      options.answerMs,
      counters,
      (reason) =>
        reason === 'ids-used-up'
          ? this.release(reason)
          : this.break(reason, 'nothing is read on the far side'),
      () => options.stirred?.(),
      this.payer,
    )
    this.#inbox = new Inbox({
      idParity: side === 'initiating' ? 0 : 1,
      limits,
      clock,
      counters,
      limitHit: options.limitHit,
      payer: this.payer,
      outbox: this.#outbox,
      events: this.#events(),
    })
    this.#reader = new ChunkReader(this.payer, clock, channel, this.#inbox, this.keepAlive)
  }

  #events(): InboxEvents {
    const { owner } = this.#options
    return {
      hello: (payload) => this.#onHello(payload),
      request: (request) => owner.request(this, request),
      refused: (request, status) => this.refuse(request, status, -1),
      answered: () => {
        if (this.#state.name === 'draining') this.#quietly()
      },
      orphan: (answer) => owner.orphan(this, answer),
      released: (release) => this.#onRelease(release),
      fault: (reason, detail) => this.break(reason, detail),
    }
  }

  /** Begins to read, and says HELLO. */
  start(): undefined {
    this.#outbox.control(frame.hello, 0, 0, encodeHello(this.#options.hello))
    this.channel.start({
      data: (chunk) => this.#reader.take(chunk),
      drained: () => this.#outbox.drained(),
      closed: (detail) => {
        this.#detail ||= detail
        this.#step({ type: 'channel-closed' })
        this.#outbox.gone()
      },
    })
  }

  get state(): State['name'] {
    return this.#state.name
  }

  /** New requests may be sent: the far side has said HELLO or will read them after it. */
  get isUsable(): boolean {
    return this.#state.name !== 'draining' && this.#state.name !== 'closed'
  }

  /** How long nothing was asked in either direction. */
  get idleMs(): number {
    return this.#options.clock.now() - this.#inbox.usedAt
  }

  /** Requests under way in both directions. */
  get underWay(): number {
    return this.#outbox.underWay + this.#inbox.underWay
  }

  /** Requests of a class that wait for credit or for the socket. */
  queue(trafficClass: TrafficClass): Queue {
    return this.#outbox.queue(trafficClass)
  }

  /** [LINK-5.3-2] What binds a proof to this channel; on plain TCP both HELLOs are needed first. */
  get binding(): Buffer | undefined {
    if (this.channel.facts.binding !== undefined) return this.channel.facts.binding
    if (this.#binding === undefined && this.hello !== undefined) {
      const [own, theirs] = [this.#options.hello.nonce, this.hello.nonce]
      this.#binding =
        this.side === 'initiating' ? plainBinding(own, theirs) : plainBinding(theirs, own)
    }
    return this.#binding
  }

  /** Sends a request; the outcome comes to `outgoing`, exactly once. */
  ask(outgoing: Outgoing): undefined {
    if (!this.isUsable) return outgoing.failed('link-lost', false)
    if (isTooLarge(outgoing, this.hello)) return outgoing.failed('too-large', false)
    this.#inbox.use(outgoing.trafficClass)
    this.#outbox.ask(outgoing)
  }

  /** [LINK-4.3-2] Answers with a bare success, or with a failure of this gateway. */
  answer(id: number, trafficClass: TrafficClass, command: number, status: Status): undefined {
    return isSuccess(status)
      ? this.answerWith(id, trafficClass, command, status, empty, 0, 0, 0)
      : this.fail(id, trafficClass, command, { status, retryAfterMs: -1, about: [] })
  }

  /** [LINK-6.5-3] A failure tells who found it and where. */
  fail(
    id: number,
    trafficClass: TrafficClass,
    command: number,
    failure: Failure,
    reporter: string = this.#options.hello.domain,
  ): undefined {
    const bytes = this.#failures.encode(reporter, failure)
    const { length } = bytes
    this.answerWith(id, trafficClass, command, failure.status, bytes, 0, length, length)
  }

  /** Refuses a request of which only this is known. `retryAfterMs` below 0: nothing is said. */
  refuse(request: Refusable, status: Status, retryAfterMs: number): undefined {
    const { id, trafficClass, command } = request
    const failure = { status, retryAfterMs, about: aboutOf(request) }
    this.fail(id, trafficClass, command, failure, this.#options.reporter?.(request))
  }

  /** Answers with encoded fields (`fieldsAt` to `bodyAt`) and a body (to `end`). */
  answerWith(
    id: number,
    trafficClass: TrafficClass,
    command: number,
    status: Status,
    buffer: Buffer,
    fieldsAt: number,
    bodyAt: number,
    end: number,
  ): undefined {
    this.done(trafficClass, command)
    this.#outbox.answer(id, status, buffer, fieldsAt, bodyAt, end)
    if (this.#state.name === 'draining') this.#quietly()
  }

  /** A request is finished that gets no answer. */
  done(trafficClass: TrafficClass, command: number): undefined {
    this.#inbox.done(trafficClass, command)
  }

  /** The first pair of domains is proven, or the client is attached: the whole window opens. */
  proven(): undefined {
    if (this.#state.name !== 'unproven') return
    this.#inbox.open()
    this.#step({ type: 'proven' })
  }

  /** How long the far side wants to be left alone: it let go, and said when a new link is welcome. */
  get restMs(): number {
    return Math.max(0, this.#restUntil - this.#options.clock.now())
  }

  /**
   * [LINK-8.2-1] Lets go: nothing new, what is under way is answered, then the link closes. `retryMs`: after this
   * time a new link is welcome.
   */
  release(reason: Status, retryMs = 0): undefined {
    this.#retryMs = retryMs
    this.#step({ type: 'let-go', reason })
  }

  /** [LINK-8.2-4] A rule is broken: says so and closes. */
  break(reason: Status, detail: string): undefined {
    this.#detail ||= detail
    this.#step({ type: 'broken', reason })
  }

  /** Whether one more PROVE or KEYS is acceptable now. */
  mayClaim(): boolean {
    const verdict = this.#claims.judge(this.#options.clock.now())
    if (verdict === 'flood') this.break('flood', 'PROVE and KEYS')
    return verdict === 'ok'
  }

  /** Hands a request that was put aside to the owner again, as it arrived. */
  redeliver(trafficClass: TrafficClass, id: number, payload: Buffer): undefined {
    this.#inbox.readAgain(trafficClass, id, payload)
  }

  /** Does what is due by now, and tells when to look again: in a second, or later while the link rests. */
  tick(now: number): number {
    if (this.#state.name !== 'closed') this.#look(now)
    const rests = this.#state.name === 'open' && this.#inbox.isQuiet && this.#outbox.rest()
    return Math.max(now + 1000, rests ? this.keepAlive.dueAt(now, this.#inbox) : now)
  }

  #look(now: number): undefined {
    const { limits, owner } = this.#options
    this.#outbox.sweep(now)
    // [LINK-4.4-8] Also of a link that is let go.
    this.#inbox.tick()
    if (this.#state.name === 'draining') {
      if (now - this.#drainAt > limits.drainMs) this.#step({ type: 'quiet' })
      else this.#quietly()
      return
    }
    if (this.#state.name !== 'open') {
      // [LINK-5.1-2]
      if (now - this.#bornAt > limits.proofMs) this.break('proof-timeout', 'no proof in time')
      return
    }
    // [LINK-8.3-4] [LINK-8.3-3]
    const isIdle = this.underWay === 0 && now - this.#inbox.usedAt > limits.idleMs
    if (this.keepAlive.isOld(now)) this.release('age-release')
    else if (isIdle && !owner.isUsed(this)) this.release('idle-release')
    // [LINK-8.3-2]
    else if (this.keepAlive.isSilent(now, this.#inbox.heardAt))
      this.break('peer-silent', 'PINGs without an answer')
  }

  #onHello(payload: Buffer): undefined {
    const { owner, limits } = this.#options
    if (payload.length > limits.helloBytes) return this.break('bad-frame', 'HELLO is too long')
    const result = decodeHello(payload)
    if (!result.ok) return this.break(result.code, result.detail)
    this.hello = result.hello
    // [LINK-5.2-6] A link that ends where it begins.
    if (result.hello.boot === this.#options.hello.boot)
      return this.break('loop', 'dialled ourselves')
    // This side has let go already, and only waits for the end.
    if (this.#state.name !== 'greeting') return
    this.#step({ type: 'hello' })
    const refusal = owner.greeted(this, result.hello)
    if (refusal !== undefined) this.break(refusal, 'refused at HELLO')
  }

  #onRelease({ reason, retryMs, lastTaken }: Release): undefined {
    this.#detail ||= `released by the far side: ${reason}`
    this.#takenThere = lastTaken
    const { clock, limits } = this.#options
    this.#restUntil = clock.now() + Math.min(retryMs, limits.restMaxMs)
    const isCrossing = this.#state.name === 'draining'
    this.#step({ type: 'released', reason })
    if (isCrossing) this.#leaveUntaken()
  }

  /** [LINK-8.2-2] What the far side has not taken can take another link; in the order in which it was asked. */
  #leaveUntaken(): undefined {
    this.#outbox.failAfter(this.#takenThere)
    this.#outbox.failWaiting('link-lost')
    return this.#quietly()
  }

  /** While draining: closes once nothing is under way. */
  #quietly(): undefined {
    if (this.underWay === 0) this.#step({ type: 'quiet' })
  }

  #step(event: Event): undefined {
    const [state, ...actions] = next(this.#state, event)
    this.#state = state
    for (const action of actions) this.#act(action)
  }

  #act(action: Action): undefined {
    const { owner, clock } = this.#options
    const reason =
      this.#state.name === 'draining' || this.#state.name === 'closed' ? this.#state.reason : 'ok'
    switch (action) {
      case 'send-release':
        return this.#sendRelease(reason)
      case 'start-drain':
        this.#drainAt = clock.now()
        owner.draining(this, reason)
        return this.#leaveUntaken()
      case 'end':
        return this.#outbox.end()
      case 'destroy':
        return this.channel.destroy()
      case 'tell-closed':
        this.#inbox.close()
        this.#outbox.close('link-lost')
        return owner.closed(this, reason, this.#detail)
    }
  }

  #sendRelease(reason: Status): undefined {
    if (this.#saidRelease) return
    this.#saidRelease = true
    this.#inbox.stopTaking()
    if (reason === 'slow-reader') this.#outbox.drop()
    const { lastTaken } = this.#inbox
    const payload = encodeRelease({ reason, retryMs: this.#retryMs, lastTaken })
    this.#outbox.control(frame.release, 0, 0, payload)
  }
}
