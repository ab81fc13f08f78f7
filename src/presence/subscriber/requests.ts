/**
 * What is asked of other domains so that our users see whom they watch there: SUBSCRIBE, RENEW, UNSUBSCRIBE.
 *
 * In:    what is due at a domain; the first wish for a watch.
 * Out:   requests by the hop; how each went is told to the watches, which give out again what came to nothing.
 * Fails: never; `ended` of the first wish is told why it was refused.
 * Spec:  [LINK-6.10-1], [LINK-6.11-1], [LINK-6.12-1]; RFC 6665 §4.1.2; draft §6.6
 */
import type { Domain } from '../../address/domain.ts'
import { isSuccess, isTemporary } from '../../errors.ts'
import type { Asker, Outcome } from '../../operation/call.ts'
import type { Hop } from '../../operation/ports.ts'
import type { Renew, Subscribe } from '../../operation/presence.ts'
import { renewBatch } from '../../wire/registry.ts'
import type { Watch } from './watch.ts'
import type { Watches } from './watches.ts'

export class SubscriberRequests {
  readonly #outside: Hop
  readonly #watches: Watches
  readonly #renewals: Asker<Renew>
  readonly #unsubscriptions: Asker<Subscribe>

  constructor(outside: Hop, watches: Watches) {
    this.#outside = outside
    this.#watches = watches
    this.#renewals = {
      ended: ({ remote, ids }, { status, answer }) =>
        remote !== undefined && isSuccess(status)
          ? watches.renewed(remote, ids, answer?.leases ?? [])
          : undefined,
    }
    this.#unsubscriptions = {
      ended: (operation, { status }) =>
        isTemporary(status) ? undefined : watches.unsubscribed(operation),
    }
  }

  /** Everything that is due at `domain`. */
  work(domain: Domain): undefined {
    for (const watch of this.#watches.due(domain, 'subscribe', renewBatch)) {
      this.subscribe(watch, () => undefined)
    }
    this.#renew(domain)
    for (const watch of this.#watches.due(domain, 'unsubscribe', renewBatch)) {
      this.#outside.ask(requestOf('unsubscribe', watch), this.#unsubscriptions)
    }
  }

  /** `ended` is told after the watches are. */
  subscribe(watch: Watch, ended: (outcome: Outcome) => undefined): undefined {
    this.#outside.ask(requestOf('subscribe', watch), {
      ended: (operation, outcome) => {
        const { status, answer } = outcome
        this.#watches.subscribed(operation, status, answer?.leaseSeconds ?? 0)
        return ended(outcome)
      },
    })
  }

  /** Many at once, for each domain of ours, for the longest time that is wanted for one of them. */
  #renew(remote: Domain): undefined {
    const due = this.#watches.due(remote, 'renew', renewBatch)
    for (const [local, watches] of Map.groupBy(due, ({ watcher }) => watcher.domain)) {
      const ids = watches.map(({ id }) => id)
      const leaseSeconds = Math.max(...watches.map(({ wantedSeconds }) => wantedSeconds))
      const renew = { kind: 'renew', local, remote, watcher: undefined, ids, leaseSeconds } as const
      this.#outside.ask(renew, this.#renewals)
    }
  }
}

const requestOf = (
  kind: Subscribe['kind'],
  { id, watcher, presentity, wantedSeconds }: Watch,
): Subscribe => ({
  kind,
  id,
  watcher,
  presentity,
  leaseSeconds: kind === 'subscribe' ? wantedSeconds : undefined,
  hops: 1,
})
