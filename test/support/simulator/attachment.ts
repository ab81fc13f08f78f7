/**
 * One session of a user: a bare link to the gateway of the domain, proven with the user's own key.
 *
 * In:    where the door is; requests of the gateway.
 * Out:   `ask`, once it is attached; `request` for each request of the gateway; `ended` once.
 * Fails: `attached` resolves with the code that the gateway refused with, or why there is no link.
 */
import type { Address } from '../../../src/address/address.ts'
import { encodeClientProve } from '../../../src/command/prove.ts'
import type { KeyPair } from '../../../src/credential/ed25519.ts'
import { signUserLink } from '../../../src/credential/sign.ts'
import { GatewayError, isSuccess, type Status } from '../../../src/errors.ts'
import { encodeBase64url } from '../../../src/lib/base64url.ts'
import { every } from '../../../src/lib/clock.ts'
import type { Random } from '../../../src/lib/random.ts'
import type { Limits } from '../../../src/limits.ts'
import { ownCounters } from '../../../src/link/counters.ts'
import { Link, type RequestView } from '../../../src/link/link.ts'
import type { AnswerView, Outgoing } from '../../../src/link/outgoing.ts'
import { clientPort, type Network } from './network.ts'
import { userRequest } from './request.ts'
import type { SimClock } from './scheduler.ts'

export type AttachmentNeeds = {
  readonly name: string
  /** Name of the device as a process. */
  readonly device: string
  readonly ip: string
  readonly gatewayIp: string
  readonly user: Address
  readonly key: KeyPair
  readonly network: Network
  readonly clock: SimClock
  readonly random: Random
  readonly limits: Limits
  readonly request: (link: Link, request: RequestView) => undefined
  readonly orphan: (link: Link, answer: AnswerView) => undefined
  readonly ended: (reason: Status, detail: string) => undefined
  readonly limitHit: (limit: string) => undefined
}

export class Attachment {
  readonly name: string
  /** `ok`, or why not. */
  readonly attached: Promise<Status>
  isAttached = false
  link: Link | undefined
  readonly #needs: AttachmentNeeds

  constructor(needs: AttachmentNeeds) {
    this.name = needs.name
    this.#needs = needs
    this.attached = this.#attach()
  }

  get isUsable(): boolean {
    return this.isAttached && this.link?.isUsable === true
  }

  ask(outgoing: Outgoing): undefined {
    if (this.link === undefined) return outgoing.failed('link-lost', false)
    this.link.ask(outgoing)
  }

  /** Lets go in order, or drops the connection. */
  end(how: 'release' | 'drop'): undefined {
    if (how === 'release') this.link?.release('shutdown')
    else this.link?.channel.destroy()
  }

  async #attach(): Promise<Status> {
    const { network, device, ip, gatewayIp, user, clock, limits } = this.#needs
    const abort = new AbortController()
    const cancel = clock.after(limits.dialAddressMs, () => abort.abort() as undefined)
    try {
      const channel = await network.dial({
        from: device,
        fromIp: ip,
        ip: gatewayIp,
        port: clientPort,
        domain: user.domain,
        service: 'im',
        clock,
        signal: abort.signal,
      })
      return await this.#prove(this.#open(channel))
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.#needs.ended(error.code, error.message)
      return error.code
    } finally {
      cancel()
    }
  }

  #open(channel: Link['channel']): Link {
    const { user, random, clock, limits, request, orphan, ended, limitHit } = this.#needs
    const link: Link = new Link({
      channel,
      side: 'initiating',
      hello: {
        role: 'client',
        domain: user.domain,
        software: 'device',
        boot: encodeBase64url(random.bytes(16)),
        state: '',
        nonce: encodeBase64url(random.bytes(32)),
        services: ['im', 'pres'],
        messageBytes: limits.messageBytes,
        references: 0,
        subjects: 0,
      },
      owner: {
        greeted: () => undefined,
        request,
        orphan,
        draining: () => undefined,
        closed: (_link, reason, detail) => {
          stopTicks()
          this.isAttached = false
          return ended(reason, detail)
        },
        isUsed: () => true,
      },
      limits,
      clock,
      ageMs: Number.POSITIVE_INFINITY,
      // The gateway waits for the other one as long, and says what it knows then.
      answerMs: limits.requestMs + limits.confirmMs,
      counters: ownCounters(),
      limitHit,
    })
    const stopTicks = every(clock, 1000, () => {
      link.tick(clock.now())
    })
    this.link = link
    link.start()
    return link
  }

  #prove(link: Link): Promise<Status> {
    const { user, key, clock, random, limits } = this.#needs
    const cb = encodeBase64url(link.binding as Buffer)
    const token = signUserLink(user, key, { aud: user.domain, cb }, { clock, random, limits })
    const publicKey = Buffer.from(key.publicKey.x, 'base64url')
    return new Promise((resolve) => {
      const end = (status: Status): undefined => {
        if (isSuccess(status)) {
          this.isAttached = true
          link.proven()
        }
        resolve(status)
      }
      link.ask(
        userRequest({
          command: 'prove',
          fields: encodeClientProve(token, publicKey, undefined),
          answered: ({ status }) => end(status),
          failed: (code) => end(code),
        }),
      )
    })
  }
}
