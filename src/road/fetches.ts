/**
 * The road of FETCH: the presence of somebody, once, of ours or of another domain.
 *
 * In:    requests of our users and of proven domains.
 * Out:   the document; for somebody elsewhere, what the domain there answers.
 * Fails: the code of the first check; `service-not-offered` and `refused`; the code of the link.
 * Spec:  [LINK-6.9-1], [LINK-4.1-5]
 */
import type { Address } from '../address/address.ts'
import { encodeFetched, readFetch } from '../command/fetch.ts'
import { publicStatus } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { RequestView } from '../link/link.ts'
import type { Presentities } from '../presence/tuples.ts'
import type { Asking } from './asking.ts'
import { type Inquiry, type Ours, refusalHere } from './inquiry.ts'
import { makeRequest, noBody } from './requests.ts'

export type FetchNeeds = Ours & { readonly limits: Limits }

export class Fetches {
  readonly #needs: FetchNeeds
  readonly #presentities: Presentities
  readonly #asking: Asking

  constructor(needs: FetchNeeds, presentities: Presentities, asking: Asking) {
    this.#needs = needs
    this.#presentities = presentities
    this.#asking = asking
  }

  fetch(inquiry: Inquiry, request: RequestView): undefined {
    const fetch = readFetch(request, this.#needs.readAddress)
    const { asker } = inquiry
    if (typeof fetch === 'string') return inquiry.answer(fetch)
    if (asker === undefined) return inquiry.answer('credential-missing')
    const code = inquiry.check(request, asker, fetch.to, 'pres.watch')
    if (code !== undefined) return inquiry.answer(code, inquiry.waitMs)
    if (!this.#needs.isHosted(fetch.to.domain)) {
      return this.#fetchThere(inquiry, request, asker, fetch.to)
    }
    // [LINK-4.1-5] Here is the last receiver.
    if (request.fields.unknownEndToEnd !== 0) return inquiry.answer('feature-required')
    const refusal = refusalHere(this.#needs, fetch.to)
    if (refusal !== undefined) return inquiry.answer(refusal)
    const { document, version } = this.#presentities.presence(fetch.to)
    const head = encodeFetched(version)
    inquiry.answerWith('ok', Buffer.concat([head, document]), head.length)
  }

  /** Asked there, its answer passed on. */
  #fetchThere(
    inquiry: Inquiry,
    { hops, buffer, bodyAt, fields: table }: RequestView,
    watcher: Address,
    presentity: Address,
  ): undefined {
    const sent = Buffer.from(buffer.subarray(table.endToEndAt, bodyAt))
    this.#asking.ask(watcher, presentity, (reference) =>
      makeRequest({
        command: 'fetch',
        hops: hops + 1,
        reference,
        from: '',
        user: watcher.text,
        answerCredit: this.#needs.limits.presenceBytes,
        fields: sent,
        body: noBody,
        answered: ({ status, buffer: bytes, fieldsAt, bodyAt: at, end }) =>
          inquiry.answerWith(status, Buffer.from(bytes.subarray(fieldsAt, end)), at - fieldsAt),
        failed: (code) => inquiry.answer(publicStatus(code)),
      }),
    )
  }
}
