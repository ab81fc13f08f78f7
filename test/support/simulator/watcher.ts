/**
 * What one device watches: it subscribes, renews, subscribes again after each attachment, and keeps what it sees.
 *
 * In:    wishes; NOTIFY of the gateway.
 * Out:   SUBSCRIBE, RENEW, UNSUBSCRIBE, FETCH; `seen` of each subscription.
 * Fails: what must never be seen is a complaint: a number that falls, a document that is none.
 */
import { encodeFetch } from '../../../src/command/fetch.ts'
import { readNotify } from '../../../src/command/notify.ts'
import { encodeRenew, readRenewed } from '../../../src/command/renew.ts'
import { encodeSubscribe } from '../../../src/command/subscribe.ts'
import { encodeUnsubscribe } from '../../../src/command/unsubscribe.ts'
import { isSuccess, type Status } from '../../../src/errors.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import type { Random } from '../../../src/lib/random.ts'
import type { RequestView } from '../../../src/link/link.ts'
import type { Outgoing } from '../../../src/link/outgoing.ts'
import type { Fetch, Journal } from './journal.ts'
import { numbersOf } from './publisher.ts'
import { userRequest } from './request.ts'
import type { Trace } from './trace.ts'

export type Watched = {
  readonly to: string
  /** 16 bytes, one character a byte. */
  readonly id: string
  /** The last SUBSCRIBE or RENEW was granted, and nothing ended it since. */
  isLive: boolean
  /** What is shown now. */
  seen: 'nothing' | 'unknown' | 'ended' | ReadonlyMap<string, number>
  /** How often something was shown. */
  shows: number
  /** The highest number that was seen of each tuple. */
  readonly highest: Map<string, number>
}

export type WatcherNeeds = {
  readonly device: string
  readonly clock: Clock
  readonly random: Random
  readonly trace: Trace
  readonly journal: Journal
  readonly ask: (outgoing: Outgoing) => boolean
}

const leaseSeconds = 3600
const againMs = 10_000

export class Watcher {
  readonly watched = new Map<string, Watched>()
  readonly #needs: WatcherNeeds

  constructor(needs: WatcherNeeds) {
    this.#needs = needs
  }

  subscribe(to: string): Watched {
    const known = [...this.watched.values()].find((one) => one.to === to)
    const watched: Watched = known ?? {
      to,
      id: this.#needs.random.bytes(16).toString('latin1'),
      isLive: false,
      seen: 'nothing',
      shows: 0,
      highest: new Map(),
    }
    this.watched.set(watched.id, watched)
    this.#subscribe(watched)
    return watched
  }

  unsubscribe(watched: Watched): undefined {
    this.watched.delete(watched.id)
    this.#needs.trace.add(this.#needs.device, `stops to watch ${watched.to}`)
    this.#needs.ask(
      userRequest({
        command: 'unsubscribe',
        fields: encodeUnsubscribe(watched.to, watched.id),
        answered: () => undefined,
        failed: () => undefined,
      }),
    )
  }

  /** A new session: everything is asked for again. */
  resume(): undefined {
    for (const watched of this.watched.values()) this.#subscribe(watched)
  }

  pause(): undefined {
    for (const watched of this.watched.values()) watched.isLive = false
  }

  renew(): undefined {
    const all = [...this.watched.values()].filter(({ isLive }) => isLive)
    if (all.length === 0) return
    this.#needs.ask(
      userRequest({
        command: 'renew',
        fields: encodeRenew({
          domain: undefined,
          audience: undefined,
          ids: all.map(({ id }) => id),
          leaseSeconds,
        }),
        answered: ({ status, fields: table }) => {
          if (!isSuccess(status)) return
          for (const [i, seconds] of readRenewed(table).entries()) {
            const watched = all[i]
            if (seconds > 0 || watched === undefined) continue
            watched.isLive = false
            this.#subscribe(watched)
          }
        },
        failed: () => undefined,
      }),
    )
  }

  fetch(of: string): Fetch {
    const { device, clock, journal, trace } = this.#needs
    const fetch: Fetch = { device, of, at: clock.now(), answer: undefined, answers: 0 }
    const end = (status: Status, what: string): undefined => {
      fetch.answers++
      fetch.answer = status
      trace.add(device, `hears ${status} of the presence of ${of} ${what}`)
    }
    const isSent = this.#needs.ask(
      userRequest({
        command: 'fetch',
        fields: encodeFetch(of),
        answerCredit: 65_536,
        answered: ({ status, buffer, bodyAt, end: to }) =>
          end(status, isSuccess(status) ? this.#read(buffer.subarray(bodyAt, to)) : ''),
        failed: (code) => end(code, ''),
      }),
    )
    if (isSent) journal.fetches.push(fetch)
    return fetch
  }

  /** A NOTIFY of the gateway. */
  notified(request: RequestView): undefined {
    const { device, journal, trace } = this.#needs
    const notify = readNotify(request)
    if (typeof notify === 'string') {
      journal.complaints.push(`${device}: a NOTIFY that cannot be read: ${notify}`)
      return
    }
    // Another session of the same user watches this one.
    const watched = this.watched.get(notify.subscription)
    if (watched === undefined) return
    if (notify.state === 'active') return this.#show(watched, notify.document)
    watched.shows++
    watched.seen = notify.state === 'unknown' ? 'unknown' : 'ended'
    trace.add(device, `sees ${watched.to} ${notify.state} ${notify.event ?? ''}`)
    if (notify.state === 'terminated') {
      watched.isLive = false
      this.#later(watched)
    }
  }

  #show(watched: Watched, document: Buffer): undefined {
    const { device, journal, trace } = this.#needs
    trace.add(device, `sees ${watched.to} ${this.#read(document)}`)
    const numbers = numbersOf(document)
    for (const [tuple, number] of numbers) {
      const before = watched.highest.get(tuple) ?? 0
      if (number < before) {
        journal.complaints.push(
          `${device}: ${watched.to} ${tuple} fell from ${before} to ${number}`,
        )
      }
      watched.highest.set(tuple, Math.max(number, before))
    }
    watched.shows++
    watched.seen = numbers
  }

  #read(document: Buffer): string {
    return [...numbersOf(document)].map(([tuple, number]) => `${tuple}=${number}`).join(' ')
  }

  #subscribe(watched: Watched): undefined {
    const { device, trace } = this.#needs
    const isAsked = this.#needs.ask(
      userRequest({
        command: 'subscribe',
        fields: encodeSubscribe(watched.to, watched.id, leaseSeconds),
        answered: ({ status }) => {
          trace.add(device, `hears ${status} of watching ${watched.to}`)
          watched.isLive = isSuccess(status)
          if (!watched.isLive) this.#later(watched)
        },
        failed: (code) => {
          trace.add(device, `hears ${code} of watching ${watched.to}`)
          this.#later(watched)
        },
      }),
    )
    if (isAsked) trace.add(device, `watches ${watched.to}`)
  }

  #later(watched: Watched): undefined {
    this.#needs.clock.after(againMs, () => {
      if (this.watched.get(watched.id) === watched && !watched.isLive) this.#subscribe(watched)
    })
  }
}
