/**
 * NOTIFY to watchers of other domains, on the credential of the presentity. A register: what waits for its turn on a
 * link tells the last value.
 *
 * In:    audiences, of the presence stage; refusals, which may come long after.
 * Out:   NOTIFY on a link that is there; else a link is looked for.
 * Fails: what did not get through is told back, with the subscription that it was about: presence alone repeats.
 * Spec:  [LINK-6.13-5], [LINK-6.13-6], [LINK-6.3-5]
 */
import { encodeNotify } from '../command/notify.ts'
import { latin1 } from '../lib/latin1.ts'
import type { Counter, Meter } from '../lib/meter.ts'
import { type AnswerView, contentOf } from '../link/outgoing.ts'
import { type Outcome, outcomeOf } from '../operation/call.ts'
import type { Notifies } from '../operation/ports.ts'
import type { Audience, Notice } from '../operation/presence.ts'
import { fields } from '../wire/registry.ts'
import type { Carrier, Carriers } from './carrier.ts'
import { outcomeOfAnswer } from './outcome.ts'
import { makeNotice, noBody } from './own-requests.ts'
import type { Session } from './session.ts'

/** What came of a NOTIFY. */
type Refused = (domain: string, subscription: string, outcome: Outcome) => undefined

export class NoticesOut implements Notifies {
  readonly #pool: Carriers
  readonly #refused: Refused
  readonly #sent: Counter
  /** Subscriptions whose NOTIFY waits for its turn on a link, by watcher domain and id. */
  readonly #waiting = new Set<string>()

  constructor(pool: Carriers, meter: Meter, refused: Refused) {
    this.#pool = pool
    this.#refused = refused
    this.#sent = meter.counter('presence_updates_total', { action: 'sent' })
  }

  notify(audience: Audience, only: string | undefined): undefined {
    for (const id of only === undefined ? audience.members() : [only]) this.#notify(audience, id)
  }

  /** A refusal that came long after its NOTIFY: it names the subscription. */
  orphan({ pairs }: Pick<Session, 'pairs'>, answer: AnswerView): undefined {
    const start = answer.fields.start(fields.subscription.tag)
    if (start === 0 || answer.fields.length(fields.subscription.tag) !== 16) return
    const id = latin1(answer.buffer, start, start + 16)
    for (const { remote } of pairs) this.#refused(remote, id, outcomeOfAnswer(answer))
  }

  #notify(audience: Audience, id: string): undefined {
    // [LINK-6.13-5] What waits keeps its place and tells the last value.
    if (this.#waiting.has(nameOf(audience, id))) return
    const { presentity, domain } = audience
    const session = this.#pool.find(presentity.domain, domain, 'pres')
    const notice = audience.latest()
    if (notice === undefined) return
    if (session !== undefined) return this.#tell(session, audience, id, notice)
    this.#refused(domain, id, outcomeOf('remote-unreachable'))
    this.#pool.want(presentity.domain, domain, 'pres')
  }

  #tell({ link, shown }: Carrier, audience: Audience, id: string, notice: Notice): undefined {
    const { presentity, domain } = audience
    const name = nameOf(audience, id)
    this.#sent.n++
    const reference = shown.refer(presentity, domain, 'notify')
    let told = notice
    const request = makeNotice({
      command: 'notify',
      hops: 1,
      reference,
      from: '',
      user: presentity.text,
      fields: fieldsOf(id, notice),
      body: bodyOf(notice),
      // [LINK-6.12-1] The turn of a NOTIFY that waited: nothing follows the end of a subscription.
      freshen: (outgoing) => {
        const latest = audience.watcher(id) === undefined ? undefined : audience.latest()
        if (latest !== undefined && !isSame(latest, told)) {
          told = latest
          Object.assign(outgoing, contentOf(fieldsOf(id, latest), bodyOf(latest)))
          return 'other'
        }
        this.#waiting.delete(name)
        return latest === undefined ? 'unwanted' : 'same'
      },
      answered: (answer) => {
        // [LINK-6.3-5] [LINK-6.3-16] Shown again with what is told again.
        shown.isRenewed(reference, answer.status)
        return this.#refused(domain, id, outcomeOfAnswer(answer))
      },
      failed: () => {
        this.#waiting.delete(name)
        this.#refused(domain, id, outcomeOf('link-lost'))
      },
    })
    this.#waiting.add(name)
    link.ask(request)
    if (request.sentAt !== -1) this.#waiting.delete(name)
  }
}

const isSame = (a: Notice, b: Notice): boolean =>
  a.state === b.state &&
  a.presence?.version.epoch === b.presence?.version.epoch &&
  a.presence?.version.seq === b.presence?.version.seq

const nameOf = ({ domain }: Audience, id: string): string => `${domain} ${id}`

const fieldsOf = (subscription: string, { state, event, presence }: Notice): Buffer =>
  encodeNotify({ subscription, version: presence?.version, state, event })

const bodyOf = ({ presence }: Notice): Buffer => presence?.document ?? noBody
