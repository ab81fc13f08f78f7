/**
 * Errands at other domains, so that our users see what they watch there: SUBSCRIBE, RENEW, UNSUBSCRIBE.
 *
 * In:    what the presence stage gives out as due.
 * Out:   requests; how each went is told to the presence stage, which gives out again what came to nothing.
 * Spec:  [LINK-6.10-1], [LINK-6.11-1], [LINK-6.12-1]; draft §6.6
 */
import type { Domain } from '../address/domain.ts'
import { encodeRenew, readRenewed, renewBatch } from '../command/renew.ts'
import { encodeSubscribe } from '../command/subscribe.ts'
import { encodeUnsubscribe } from '../command/unsubscribe.ts'
import { isSuccess, isTemporary, publicStatus, type Status } from '../errors.ts'
import type { Outgoing } from '../link/outgoing.ts'
import type { Pool } from '../peer/pool.ts'
import type { Watch } from '../presence/watch.ts'
import type { Watching } from '../presence/watching.ts'
import { fields } from '../wire/registry.ts'
import type { Asking } from './asking.ts'
import { makeRequest, noBody } from './requests.ts'

export class Errands {
  readonly #pool: () => Pool
  readonly #watching: Watching
  readonly #asking: Asking

  constructor(pool: () => Pool, watching: Watching, asking: Asking) {
    this.#pool = pool
    this.#watching = watching
    this.#asking = asking
  }

  /** Everything that is due at `domain`, as far as a link is there. */
  work(domain: Domain): undefined {
    for (const watch of this.#watching.dueToSubscribe(domain, renewBatch)) {
      this.subscribe(watch, () => undefined)
    }
    this.#renew(domain)
    for (const watch of this.#watching.dueToUnsubscribe(domain, renewBatch)) {
      this.#unsubscribe(watch)
    }
  }

  subscribe(watch: Watch, done: (status: Status) => undefined): undefined {
    const { id, watcher, presentity, wantedSeconds } = watch
    const finish = (status: Status, seconds: number): undefined => {
      this.#watching.subscribed(watch, status, seconds)
      return done(status)
    }
    this.#asking.ask(watcher, presentity, (reference) =>
      makeRequest({
        command: 'subscribe',
        hops: 1,
        reference,
        from: '',
        user: watcher.text,
        answerCredit: 0,
        fields: encodeSubscribe(presentity.text, id, wantedSeconds),
        body: noBody,
        answered: ({ status, fields: table }) =>
          finish(status, Math.max(0, table.u32(fields.lease.tag))),
        failed: (code) => finish(publicStatus(code), 0),
      }),
    )
  }

  /** [LINK-6.11-1] Many at once, for each domain of ours. */
  #renew(domain: Domain): undefined {
    const byLocal = Map.groupBy(
      this.#watching.dueForRenewal(domain, renewBatch),
      (watch) => watch.watcher.domain,
    )
    for (const [local, watches] of byLocal) {
      const request = this.#renewal(local, domain, watches)
      this.#pool().send(local, domain, 'pres', request, ({ link }, ready) => link.ask(ready))
    }
  }

  #renewal(local: Domain, remote: Domain, watches: readonly Watch[]): Outgoing {
    const leaseSeconds = watches.reduce(
      (most, { wantedSeconds }) => Math.max(most, wantedSeconds),
      0,
    )
    const ids = watches.map(({ id }) => id)
    return makeRequest({
      command: 'renew',
      hops: 1,
      reference: undefined,
      from: '',
      user: '',
      answerCredit: 0,
      fields: encodeRenew({ domain: local, audience: remote, ids, leaseSeconds }),
      body: noBody,
      answered: ({ status, fields: table }) => {
        if (isSuccess(status)) this.#watching.renewed(watches, readRenewed(table))
      },
      failed: () => undefined,
    })
  }

  #unsubscribe(watch: Watch): undefined {
    const { id, watcher, presentity } = watch
    this.#asking.ask(watcher, presentity, (reference) =>
      makeRequest({
        command: 'unsubscribe',
        hops: 1,
        reference,
        from: '',
        user: watcher.text,
        answerCredit: 0,
        fields: encodeUnsubscribe(presentity.text, id),
        body: noBody,
        answered: ({ status }) => {
          if (isSuccess(status) || !isTemporary(status)) this.#watching.unsubscribed(watch)
        },
        failed: () => undefined,
      }),
    )
  }
}
