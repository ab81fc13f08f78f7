/**
 * What one device publishes of its user: one tuple, kept fresh; after a loss the same request again until it is answered.
 *
 * In:    `want`: the note to publish, or nothing.
 * Out:   PUBLISH, one at a time; `held`: what the gateway has confirmed.
 */
import { encodePublish } from '../../../src/command/publish.ts'
import { isSuccess, type Status } from '../../../src/errors.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import type { Random } from '../../../src/lib/random.ts'
import type { Outgoing } from '../../../src/link/outgoing.ts'
import { userRequest } from './request.ts'
import type { Trace } from './trace.ts'

export type PublisherNeeds = {
  readonly device: string
  readonly tuple: string
  readonly clock: Clock
  readonly random: Random
  readonly trace: Trace
  /** `undefined`: not attached now. */
  readonly ask: (outgoing: Outgoing) => boolean
}

type Request = {
  readonly ifMatch: string | undefined
  readonly etag: string | undefined
  readonly count: number | undefined
}

const leaseSeconds = 3600
const againMs = 2000

export class Publisher {
  /** The number that its tuple shows; `undefined`: no tuple. */
  want: number | undefined
  /** What the gateway confirmed last, and when. */
  held: number | undefined
  heldAt = 0
  /** Answers that leave nothing to try. */
  readonly refusals: Status[] = []
  readonly #needs: PublisherNeeds
  #etag: string | undefined
  #underWay: Request | undefined
  #isAsking = false
  #counted = 0

  constructor(needs: PublisherNeeds) {
    this.#needs = needs
  }

  /** Everything wanted is confirmed. */
  get isSettled(): boolean {
    return this.#underWay === undefined && this.want === this.held
  }

  /** Shows a new number, or nothing. */
  publish(isShown: boolean): undefined {
    this.want = isShown ? ++this.#counted : undefined
    this.#go()
  }

  /** A new session: what is published may be lost there, so it is said again. */
  resume(): undefined {
    this.#isAsking = false
    if (this.held !== undefined && this.#underWay === undefined) this.held = undefined
    this.#go()
  }

  /** The session ended: an answer will not come. */
  pause(): undefined {
    this.#isAsking = false
  }

  #go(): undefined {
    if (this.#isAsking) return
    this.#underWay ??= this.#next()
    const request = this.#underWay
    if (request === undefined) return
    const { ifMatch, etag, count } = request
    const fields = encodePublish({
      ifMatch,
      entityTag: etag,
      leaseSeconds: count === undefined ? 0 : leaseSeconds,
    })
    const body = count === undefined ? Buffer.alloc(0) : documentOf(this.#needs.tuple, count)
    // It may fail before `ask` returns.
    this.#isAsking = true
    const isAsked = this.#needs.ask(
      userRequest({
        command: 'publish',
        fields,
        body,
        answered: ({ status }) => this.#answered(request, status),
        failed: () => this.#again(),
      }),
    )
    if (!isAsked) this.#isAsking = false
  }

  #next(): Request | undefined {
    const { want, held } = this
    const etag = this.#needs.random.bytes(16).toString('latin1')
    if (want === held) return undefined
    if (want !== undefined) return { ifMatch: this.#etag, etag, count: want }
    return this.#etag === undefined
      ? undefined
      : { ifMatch: this.#etag, etag: undefined, count: undefined }
  }

  #answered(request: Request, status: Status): undefined {
    if (request !== this.#underWay) return
    this.#isAsking = false
    const { device, trace, clock } = this.#needs
    trace.add(device, `hears ${status} of its presence ${request.count ?? 'removed'}`)
    if (isSuccess(status)) {
      this.#underWay = undefined
      this.#etag = request.etag
      this.held = request.count
      this.heldAt = clock.now()
      return this.#go()
    }
    if (status === 'lease-unknown') {
      // The gateway knows nothing of it: a new publication, or nothing to remove.
      this.#underWay = undefined
      this.#etag = undefined
      this.held = undefined
      return this.#go()
    }
    if (status === 'busy' || status === 'rate-limited') return this.#again()
    this.refusals.push(status)
    this.#underWay = undefined
    this.#etag = undefined
    this.held = undefined
  }

  #again(): undefined {
    this.#isAsking = false
    this.#needs.clock.after(againMs, () => this.#go())
  }
}

/** A document with one tuple that shows a number. */
const documentOf = (tuple: string, count: number): Buffer =>
  Buffer.from(JSON.stringify({ tuples: { [tuple]: { basic: 'open', note: noteOf(count) } } }))

const noteOf = (count: number): string => `canary ${count}`

/** Tuple id to the number that it shows. */
export function numbersOf(document: Buffer): ReadonlyMap<string, number> {
  const { tuples } = JSON.parse(document.toString()) as {
    readonly tuples: Readonly<Record<string, { readonly note?: string }>>
  }
  return new Map(
    Object.entries(tuples).flatMap(([id, { note }]) =>
      note === undefined ? [] : [[id, Number(note.replace('canary ', ''))] as const],
    ),
  )
}
