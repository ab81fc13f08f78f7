/**
 * What is asked of other domains: SUBSCRIBE, UNSUBSCRIBE and FETCH on the credential of the watcher, RENEW on the word
 * of our domain; by a link that is there or dialled now.
 *
 * In:    operations of the stages.
 * Out:   the request on a link; how the far side ended it.
 * Fails: the code of the dial or of the link.
 * Spec:  [LINK-6.3-2], [LINK-6.3-5], [LINK-6.9-1] to [LINK-6.12-1]
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { encodeRenew, readRenewed } from '../command/renew.ts'
import { encodeSubscribe } from '../command/subscribe.ts'
import { encodeUnsubscribe } from '../command/unsubscribe.ts'
import type { Env } from '../env.ts'
import { publicStatus } from '../errors.ts'
import type { AnswerView, Outgoing } from '../link/outgoing.ts'
import { type Answer, type Asker, outcomeOf } from '../operation/call.ts'
import type { Question } from '../operation/ports.ts'
import type { Fetch, Renew, Subscribe } from '../operation/presence.ts'
import { fields } from '../wire/registry.ts'
import { readVersion } from '../wire/version.ts'
import type { Carrier, Carriers } from './carrier.ts'
import { outcomeOfAnswer } from './outcome.ts'
import { makeRequest, ownRequest } from './own-requests.ts'

/** Makes the request; without a reference it only stands in the queue for a link. */
type Make = (reference: Outgoing['reference']) => Outgoing

/** [LINK-6.5-6] `since`: it is answered in the time allowed, however often it is asked and whatever it waits for. */
type Ends = Pick<Outgoing, 'answered' | 'failed' | 'since'>

export class Questions {
  readonly #pool: Carriers
  readonly #env: Env

  constructor(env: Env, pool: Carriers) {
    this.#env = env
    this.#pool = pool
  }

  ask<O extends Question>(operation: O, asker: Asker<O>): undefined {
    const ends: Ends = {
      since: this.#env.clock.now(),
      answered: (view) => asker.ended(operation, outcomeOfAnswer(view, answerTo(operation, view))),
      failed: (code) => asker.ended(operation, outcomeOf(publicStatus(code))),
    }
    switch (operation.kind) {
      case 'subscribe':
      case 'unsubscribe':
        return this.#subscribe(operation, ends)
      case 'fetch':
        return this.#fetch(operation, ends)
      case 'renew':
        return this.#renew(operation, ends)
      default:
        return operation satisfies never
    }
  }

  #subscribe(operation: Subscribe, ends: Ends): undefined {
    const { kind, id, watcher, presentity, leaseSeconds, hops } = operation
    const bytes =
      kind === 'subscribe'
        ? encodeSubscribe(presentity.text, id, leaseSeconds)
        : encodeUnsubscribe(presentity.text, id)
    this.#askAs(watcher, presentity.domain, (reference) =>
      makeRequest({
        ...{ command: kind, hops, reference, user: watcher.text, answerCredit: 0, fields: bytes },
        ...ends,
      }),
    )
  }

  /** [LINK-4.1-6] Its end-to-end fields travel unchanged. */
  #fetch({ watcher, presentity, hops, fields: bytes }: Fetch, ends: Ends): undefined {
    const answerCredit = this.#env.limits.presenceBytes
    this.#askAs(watcher, presentity.domain, (reference) =>
      makeRequest({
        ...{ command: 'fetch', hops, reference, user: watcher.text, answerCredit, fields: bytes },
        ...ends,
      }),
    )
  }

  /** [LINK-6.11-1] */
  #renew({ local, remote, ids, leaseSeconds }: Renew, ends: Ends): undefined {
    const bytes = encodeRenew({ domain: local, audience: remote, ids, leaseSeconds })
    const request = { ...ownRequest('renew', bytes, ends.answered, ends.failed), since: ends.since }
    this.#pool.send(local, remote as Domain, 'pres', request, ({ link }, ready) => link.ask(ready))
  }

  /** Sends what `make` makes by a link on which the credential of `who` is referred to. */
  #askAs(who: Address, domain: Domain, make: Make): undefined {
    this.#pool.send(who.domain, domain, 'pres', make(undefined), (session) =>
      this.#askOn(session, who, domain, make),
    )
  }

  /** [LINK-6.3-5] [LINK-6.3-16] What is refused because the far side has no credential is asked again with it, once. */
  #askOn({ link, shown }: Carrier, who: Address, domain: Domain, make: Make): undefined {
    const reference = shown.refer(who, domain, 'user')
    const request = make(reference)
    link.ask({
      ...request,
      answered: (answer) => {
        if (!shown.isRenewed(reference, answer.status)) return request.answered(answer)
        link.ask(make(shown.refer(who, domain, 'user')))
      },
    })
  }
}

/** What is granted or told, where a stage has to know it. */
function answerTo({ kind }: Question, { fields: table, buffer, bodyAt, end }: AnswerView): Answer {
  switch (kind) {
    case 'renew':
      return { leases: readRenewed(table) }
    case 'fetch': {
      const version = readVersion(table)
      if (version === undefined) return {}
      return { presence: { document: buffer.subarray(bodyAt, end), version } }
    }
    default:
      return { leaseSeconds: Math.max(0, table.u32(fields.lease.tag)) }
  }
}
