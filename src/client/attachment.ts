/**
 * One link to our gateway, from its HELLO to its end, and the proof that makes it ours.
 *
 * In:    a channel; who we are; what stands above.
 * Out:   `attached` once the gateway took the proof; then requests of the gateway; `draining`; `closed` once, last.
 * Fails: with the code of the gateway's refusal, or of the end of the link.
 * Spec:  [LINK-5.2-1], [LINK-5.4-7]; draft §5.3.3. The proof is bound to this channel, so nobody can use it elsewhere.
 */
import type { Address } from '../address/address.ts'
import { encodeClientProve } from '../command/prove.ts'
import type { KeyPair } from '../credential/ed25519.ts'
import { signUserLink } from '../credential/sign.ts'
import { GatewayError, isSuccess, type Status } from '../errors.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import type { Clock } from '../lib/clock.ts'
import { printableLine } from '../lib/printable.ts'
import { jitter, type Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { Channel } from '../link/channel.ts'
import type { LinkCounters } from '../link/counters.ts'
import type { Hello } from '../link/hello.ts'
import { Link, type LinkOwner, type RequestView } from '../link/link.ts'
import type { AnswerView } from '../link/outgoing.ts'
import { outcomeOf } from './outcome.ts'
import { requestOf } from './request.ts'

export type AttachmentNeeds = {
  readonly user: Address
  readonly key: KeyPair
  readonly hello: Hello
  readonly attached: (attachment: Attachment) => undefined
  readonly request: (link: Link, request: RequestView) => undefined
  readonly draining: (attachment: Attachment, reason: Status) => undefined
  readonly closed: (attachment: Attachment, reason: Status, detail: string) => undefined
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly counters: LinkCounters
  readonly limitHit: (limit: string) => undefined
}

export class Attachment implements LinkOwner {
  readonly link: Link
  readonly #needs: AttachmentNeeds
  readonly #credential: string | undefined
  #isProving = false
  wasAttached = false
  /** With what the gateway refused the proof. */
  refusal: GatewayError | undefined

  /** `credential`: names our key, where the directory of the domain lists none of the user. */
  constructor(channel: Channel, credential: string | undefined, needs: AttachmentNeeds) {
    const { hello, clock, random, limits, counters, limitHit } = needs
    this.#needs = needs
    this.#credential = credential
    this.link = new Link({
      channel,
      side: 'initiating',
      hello,
      owner: this,
      limits,
      clock,
      answerMs: limits.requestMs,
      ageMs: jitter(random, limits.linkAgeMs, 1, 2),
      counters,
      limitHit,
    })
  }

  start(): undefined {
    this.link.start()
    // Under TLS the proof goes out right behind HELLO; a plain channel has a binding once both have said HELLO.
    this.#prove()
  }

  greeted(_link: Link, hello: Hello): Status | undefined {
    if (hello.role !== 'gateway') return 'protocol-state'
    this.#prove()
    return undefined
  }

  request(link: Link, request: RequestView): undefined {
    this.#needs.request(link, request)
  }

  /** Everything that is asked here expects an answer. */
  orphan(): undefined {}

  draining(_link: Link, reason: Status): undefined {
    this.#needs.draining(this, reason)
  }

  closed(_link: Link, reason: Status, detail: string): undefined {
    this.#needs.closed(this, reason, detail)
  }

  /** An attached client waits for messages: silence is normal. */
  isUsed(): boolean {
    return true
  }

  #prove(): undefined {
    const { binding } = this.link
    if (binding === undefined || this.#isProving) return
    this.#isProving = true
    const { user, key } = this.#needs
    const facts = { aud: user.domain, cb: encodeBase64url(binding) }
    const assertion = signUserLink(user, key, facts, this.#needs)
    const publicKey = Buffer.from(key.publicKey.x, 'base64url')
    this.link.ask(
      requestOf({
        command: 'prove',
        fields: encodeClientProve(assertion, publicKey, this.#credential),
        body: Buffer.alloc(0),
        answered: (answer) => this.#judged(answer),
        failed: () => undefined,
      }),
    )
  }

  #attached(): undefined {
    this.link.proven()
    // It may have been let go meanwhile.
    if (this.link.state !== 'open') return
    this.wasAttached = true
    this.#needs.attached(this)
  }

  #judged(answer: AnswerView): undefined {
    if (isSuccess(answer.status)) return this.#attached()
    const { status, retryAfterMs, text } = outcomeOf(answer)
    const detail = `the gateway refused to attach ${this.#needs.user.text}: ${text === undefined ? status : printableLine(text)}`
    this.refusal = new GatewayError(status, detail, { retryAfterMs })
    this.link.release('domain-not-proven')
  }
}
