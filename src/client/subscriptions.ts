/**
 * What this client watches: subscriptions kept alive until they are ended here or there.
 *
 * In:    wishes of the program; NOTIFY of the gateway; the link as it comes and goes; a tick each second.
 * Out:   each notice to the program that watches. Renewed in batches at 60 to 80 % of the lease, made again after
 *        each reconnect; 45 s without a link say `unknown`, once.
 * Fails: a refusal is the last notice, `terminated` with the status; `lease-unknown` and `bad-request` for NOTIFY.
 * Spec:  [LINK-6.10-1] to [LINK-6.13-4]; draft §6.6; design 8 (a register: old versions are not shown)
 */
import type { Address } from '../address/address.ts'
import type { Notify } from '../command/notify.ts'
import { encodeRenew, readRenewed } from '../command/renew.ts'
import { encodeSubscribe } from '../command/subscribe.ts'
import { encodeUnsubscribe } from '../command/unsubscribe.ts'
import { isSuccess, isTemporary, type Status } from '../errors.ts'
import { backOff } from '../lib/back-off.ts'
import type { Clock } from '../lib/clock.ts'
import { latin1 } from '../lib/latin1.ts'
import { heldSeconds } from '../lib/lease.ts'
import { jitter, type Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { AnswerView } from '../link/outgoing.ts'
import {
  type CommandName,
  fields,
  renewBatch,
  type SubscriptionEvent,
  type SubscriptionState,
} from '../wire/registry.ts'
import type { Version } from '../wire/version.ts'
import type { Way } from './message-lane.ts'
import { type PresenceDocument, type PresenceNotice, readDocument } from './presence.ts'
import { requestOf } from './request.ts'

export type SubscriptionsNeeds = {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
}

export type Row = {
  readonly id: string
  readonly presentity: Address
  readonly wantedSeconds: number | undefined
  readonly show: (notice: PresenceNotice) => undefined
  /** `held`: the gateway has it. */
  state: 'asking' | 'held' | 'ended'
  /** What was shown last. */
  shown: SubscriptionState | undefined
  /** Clock times: when it is asked for or renewed next, and what a renewal of others may take along. */
  errandAt: number
  earliestAt: number
  endsAt: number
  isAsked: boolean
  failures: number
  version: Version | undefined
  /** Of the run before: what still comes of it is old. */
  formerEpoch: number | undefined
}

/** How long the word of our gateway holds after its link was lost, as between gateways. */
const keepMs = 45_000

const noBody = Buffer.alloc(0)

export class Subscriptions {
  readonly #needs: SubscriptionsNeeds
  readonly #rows = new Map<string, Row>()
  #way: Way | undefined
  /** Clock time since which there is no link. */
  #downSince: number
  #asking = 0

  constructor(needs: SubscriptionsNeeds) {
    this.#needs = needs
    this.#downSince = needs.clock.now()
  }

  get size(): number {
    return this.#rows.size
  }

  subscribe(
    presentity: Address,
    wantedSeconds: number | undefined,
    show: (notice: PresenceNotice) => undefined,
  ): Row {
    const { clock, random, limits } = this.#needs
    const row: Row = {
      id: latin1(random.bytes(16), 0, 16),
      presentity,
      wantedSeconds,
      show,
      state: 'asking',
      shown: undefined,
      errandAt: 0,
      earliestAt: 0,
      endsAt: 0,
      isAsked: false,
      failures: 0,
      version: undefined,
      formerEpoch: undefined,
    }
    this.#rows.set(row.id, row)
    if (this.#rows.size <= limits.subscriptionsPerWatcher) this.#work()
    else {
      row.state = 'ended'
      // Not before the caller has it.
      clock.soon(() => void this.#finish(row, 'limit-reached') as undefined)
    }
    return row
  }

  /** Nothing is shown any more. Without a link the lease ends it over there. */
  end(row: Row): undefined {
    if (row.state === 'ended') return
    row.state = 'ended'
    this.#rows.delete(row.id)
    this.#takeBack(row)
  }

  /** The program leaves: all that the gateway may hold is taken back, as far as there is credit. */
  leave(): undefined {
    for (const row of this.#rows.values())
      if (row.state === 'held' || row.isAsked) this.#takeBack(row)
  }

  /** The gateway ties each subscription to a session: all are made again, with the ids they have. */
  up(way: Way): undefined {
    this.#way = way
    this.#downSince = Number.POSITIVE_INFINITY
    for (const row of this.#rows.values()) {
      row.state = 'asking'
      row.errandAt = 0
      row.failures = 0
    }
    this.#work()
  }

  down(): undefined {
    this.#way = undefined
    this.#downSince = this.#needs.clock.now()
  }

  /** Once a second. */
  tick(now: number): undefined {
    if (now - this.#downSince > keepMs) {
      this.#downSince = Number.POSITIVE_INFINITY
      for (const row of [...this.#rows.values()]) hide(row, undefined)
    }
    if (this.#way === undefined) return
    for (const row of this.#rows.values()) if (row.endsAt <= now) row.state = 'asking'
    this.#work()
    this.#renew(now)
  }

  stop(): undefined {
    this.#way = undefined
    for (const row of [...this.#rows.values()]) this.#finish(row, 'link-stopped')
  }

  /** NOTIFY. What was seen before is not shown again, unless it was hidden since. */
  notified(presentity: Address, notify: Notify): Status {
    const row = this.#rows.get(notify.subscription)
    // [LINK-6.13-8] It may be of another session of this user.
    if (row === undefined) return 'ok'
    if (row.presentity.text !== presentity.text) return 'lease-unknown'
    const { state, event, version } = notify
    if (state === 'terminated') return this.#terminated(row, event ?? 'noresource')
    // Who watches first is told nothing while nothing is known; who comes later, that it is so.
    if (state === 'unknown' && row.shown === undefined) return show(row, state, event, undefined)
    if (state === 'unknown') return hide(row, event)
    if (state === 'pending') return show(row, state, event, undefined)
    const document = readDocument(notify.document)
    if (document === undefined || version === undefined) return 'bad-request'
    if (!isNews(row, version)) return 'ok'
    if (row.version?.epoch !== version.epoch) row.formerEpoch = row.version?.epoch
    row.version = version
    return show(row, state, event, document)
  }

  /** Asks for what is due, few at a time. */
  #work(): undefined {
    const now = this.#needs.clock.now()
    if (this.#way?.isUsable !== true) return
    for (const row of this.#rows.values()) {
      if (this.#asking >= this.#needs.limits.laneInFlight) return
      if (row.state === 'asking' && !row.isAsked && row.errandAt <= now) this.#subscribe(row)
    }
  }

  #subscribe(row: Row): undefined {
    row.isAsked = true
    this.#asking++
    this.#ask(
      'subscribe',
      encodeSubscribe(row.presentity.text, row.id, row.wantedSeconds),
      (answer) => {
        row.isAsked = false
        this.#asking--
        this.#subscribed(row, answer)
        this.#work()
      },
      () => {
        row.isAsked = false
        this.#asking--
        this.#again(row, -1)
      },
    )
  }

  #subscribed(row: Row, { status, retryAfterMs, fields: table }: AnswerView): undefined {
    if (row.state === 'ended') return
    if (isSuccess(status)) {
      this.#granted(row, Math.max(0, table.u32(fields.lease.tag)))
      row.state = 'held'
      if (status === 'pending') show(row, 'pending', undefined, undefined)
    } else if (isTemporary(status)) this.#again(row, retryAfterMs)
    else this.#finish(row, status)
  }

  #takeBack({ presentity, id }: Row): undefined {
    this.#ask(
      'unsubscribe',
      encodeUnsubscribe(presentity.text, id),
      () => undefined,
      () => undefined,
    )
  }

  #renew(now: number): undefined {
    const held = [...this.#rows.values()].filter(
      ({ state, isAsked }) => state === 'held' && !isAsked,
    )
    if (!held.some(({ errandAt }) => errandAt <= now)) return
    const due = held.filter(({ earliestAt }) => earliestAt <= now)
    for (const [wanted, rows] of Map.groupBy(due, ({ wantedSeconds }) => wantedSeconds)) {
      for (let at = 0; at < rows.length; at += renewBatch) {
        this.#renewBatch(rows.slice(at, at + renewBatch), wanted)
      }
    }
  }

  #renewBatch(rows: readonly Row[], leaseSeconds: number | undefined): undefined {
    for (const row of rows) row.isAsked = true
    const ids = rows.map(({ id }) => id)
    const failed = (): undefined => {
      for (const row of rows) {
        row.isAsked = false
        this.#again(row, -1)
      }
    }
    this.#ask(
      'renew',
      encodeRenew({ domain: undefined, audience: undefined, ids, leaseSeconds }),
      ({ status, fields: table }) => {
        if (!isSuccess(status)) return failed()
        const granted = readRenewed(table)
        for (const [i, row] of rows.entries()) {
          row.isAsked = false
          this.#renewed(row, granted[i] ?? 0)
        }
        this.#work()
      },
      failed,
    )
  }

  #renewed(row: Row, seconds: number): undefined {
    if (row.state !== 'held') return
    if (seconds > 0) return this.#granted(row, seconds)
    // The gateway does not know it.
    row.state = 'asking'
    row.errandAt = 0
  }

  #granted(row: Row, seconds: number): undefined {
    const { clock, random, limits } = this.#needs
    const ms = heldSeconds(seconds, limits) * 1000
    const now = clock.now()
    row.failures = 0
    row.endsAt = now + ms
    row.earliestAt = now + ms * 0.6
    row.errandAt = now + jitter(random, ms, 0.6, 0.8)
  }

  #again(row: Row, retryAfterMs: number): undefined {
    const { clock, random, limits } = this.#needs
    const ms = backOff(row.failures++, limits.redialMs, limits.redialCapMs)
    row.errandAt = clock.now() + Math.max(retryAfterMs, jitter(random, ms, 0.8, 1.4))
  }

  /** [LINK-6.13-7] RFC 6665 §4.1.3 says which reasons invite to another try: the program only hears `unknown` meanwhile. */
  #terminated(row: Row, event: SubscriptionEvent): Status {
    const isLater = event === 'probation' || event === 'giveup'
    if (!isLater && event !== 'deactivated' && event !== 'timeout') return this.#finish(row, event)
    row.state = 'asking'
    this.#again(row, isLater ? this.#needs.limits.leaseMinSeconds * 1000 : -1)
    return hide(row, event)
  }

  #finish(row: Row, reason: PresenceNotice['reason']): Status {
    row.state = 'ended'
    this.#rows.delete(row.id)
    return show(row, 'terminated', reason, undefined)
  }

  #ask(
    command: CommandName,
    bytes: Buffer,
    answered: (answer: AnswerView) => undefined,
    failed: () => undefined,
  ): undefined {
    const way = this.#way
    if (way?.isUsable !== true) return failed()
    way.ask(
      requestOf({
        command,
        fields: bytes,
        body: noBody,
        // What an old link grants rests on a session that is about to end.
        answered: (answer) => (this.#way === way ? answered(answer) : failed()),
        failed,
      }),
    )
  }
}

/** The last value is not to be relied on; said once, and only of a value that was shown. */
const hide = (row: Row, reason: PresenceNotice['reason']): Status =>
  row.shown === 'active' ? show(row, 'unknown', reason, undefined) : 'ok'

function show(
  row: Row,
  state: SubscriptionState,
  reason: PresenceNotice['reason'],
  document: PresenceDocument | undefined,
): 'ok' {
  const { presentity, version } = row
  row.shown = state
  row.show({ presentity, state, version, document, reason })
  return 'ok'
}

/** [LINK-6.13-4] Another epoch is another run of the far side, which counts anew. What was hidden is news. */
function isNews({ version, formerEpoch, shown }: Row, { epoch, seq }: Version): boolean {
  if (version?.epoch !== epoch) return epoch !== formerEpoch
  return seq > version.seq || (seq === version.seq && shown !== 'active')
}
