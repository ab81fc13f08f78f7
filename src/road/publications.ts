/**
 * The road of PUBLISH: our user says how it is.
 *
 *   client ─▶ read ─▶ checks ─▶ presentities ─▶ subscriptions ─▶ NOTIFY to each watcher
 *
 * In:    requests of attached users.
 * Out:   the lease; what changed goes on from the presence stage.
 * Fails: `credential-scope` for anybody else's presence; the code of the first check; what the publication is refused
 *        with, and for `lease-too-short` the shortest lease.
 * Spec:  [LINK-6.8-1], [LINK-6.8-2]
 */
import type { Address } from '../address/address.ts'
import { encodeLease, readPublish } from '../command/publish.ts'
import { type ReadAddress, readTo } from '../command/request.ts'
import { isSuccess, type Status } from '../errors.ts'
import type { RequestView } from '../link/link.ts'
import type { Presentities } from '../presence/tuples.ts'
import { fields } from '../wire/registry.ts'
import type { Inquiry } from './inquiry.ts'

export class Publications {
  readonly #readAddress: ReadAddress
  readonly #presentities: Presentities

  constructor(readAddress: ReadAddress, presentities: Presentities) {
    this.#readAddress = readAddress
    this.#presentities = presentities
  }

  publish(inquiry: Inquiry, request: RequestView): undefined {
    const { user } = inquiry.session
    const publish = readPublish(request)
    if (typeof publish === 'string') return inquiry.answer(publish)
    if (user === undefined) return inquiry.answer('credential-scope')
    const code =
      this.#refusalOf(request, user) ?? inquiry.check(request, user, user, 'pres.publish')
    if (code !== undefined) return inquiry.answer(code, inquiry.waitMs)
    const result = this.#presentities.publish({
      publisher: user,
      presentity: user,
      ifMatch: publish.ifMatch,
      etag: publish.entityTag,
      leaseSeconds: publish.leaseSeconds,
      document: publish.document,
    })
    if ('detail' in result) return inquiry.answer(result.status)
    const { status, leaseSeconds } = result
    if (isSuccess(status)) return inquiry.answerWith(status, encodeLease(leaseSeconds))
    // lease-too-short: the shortest that is granted.
    inquiry.fail(status, [[fields.lease.tag, leaseSeconds]])
  }

  /** [LINK-6.8-2] Publishing for somebody else is not offered yet: it would need a rule of the presentity. */
  #refusalOf(request: RequestView, user: Address): Status | undefined {
    if (!request.fields.has(fields.to.tag)) return undefined
    const to = readTo(request, this.#readAddress)
    if (to === undefined) return 'bad-address'
    return to.text === user.text ? undefined : 'credential-scope'
  }
}
