/**
 * KEYS, both ways: our key set is told to whoever asks for it, and other domains are asked for theirs.
 *
 * In:    requests of anybody; a domain whose keys are wanted.
 * Out:   the signed key set.
 * Fails: `domain-not-hosted` and `too-large` to the far side; the code of the dial or of the answer to us.
 * Spec:  [LINK-6.2-1], [LINK-6.2-2], [LINK-4.4-4]
 */
import type { Domain } from '../address/domain.ts'
import { encodeKeys, readKeys } from '../command/keys.ts'
import { GatewayError, isSuccess, type Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { LimitName, Limits } from '../limits.ts'
import type { Channel } from '../link/channel.ts'
import type { RequestView } from '../link/link.ts'
import { networkOf } from '../link/network-prefix.ts'
import { commands, fields, responseHeadBytes } from '../wire/registry.ts'
import { controlRequest } from './control-request.ts'
import type { Dialler } from './dialler.ts'
import type { Roster } from './roster.ts'
import type { Session } from './session.ts'
import { StrangerBudget } from './stranger-budget.ts'

export type KeysNeeds = {
  readonly readDomain: (text: string) => Domain | undefined
  /** Our key set, for KEYS. */
  readonly keySet: (domain: string) => Buffer | undefined
  /** The domain that speaks on accepted links before a pair is proven. */
  readonly mainDomain: Domain
  /** Whether the operator names the domain. */
  readonly isNamed: (domain: Domain) => boolean
  readonly clock: Clock
  readonly limits: Limits
}

export class Keys {
  readonly #needs: KeysNeeds
  readonly #roster: Roster
  readonly #dialler: Dialler
  readonly #limitHit: (limit: LimitName) => undefined
  /** Fetches for domains that nobody knows, and those for which a link is dialled. */
  readonly #strangers: StrangerBudget
  #strangerDials = 0

  constructor(
    needs: KeysNeeds,
    roster: Roster,
    dialler: Dialler,
    limitHit: (limit: LimitName) => undefined,
  ) {
    this.#needs = needs
    this.#roster = roster
    this.#dialler = dialler
    this.#limitHit = limitHit
    this.#strangers = new StrangerBudget(needs.limits, needs.clock.now())
  }

  /** One fetch out of the budget for strangers: `domain` is claimed on the link of the session. */
  mayFetchForStranger({ link }: Session, domain: Domain): boolean {
    const { clock, limits, isNamed } = this.#needs
    const now = clock.now()
    if (isNamed(domain) && this.#strangers.takeReserve(now)) return true
    const limit =
      this.#strangerDials < limits.strangerDials
        ? this.#strangers.take(networkOf(link.channel.facts.remote), now)
        : 'strangerDials'
    if (limit !== undefined) this.#limitHit(limit)
    return limit === undefined
  }

  /** [LINK-6.2-2] Told to anybody, but only for a domain whose certificate was shown on this link. */
  tell({ link }: Session, request: RequestView): undefined {
    const { id, trafficClass, command } = request
    if (!link.mayClaim()) return link.answer(id, trafficClass, command, 'rate-limited')
    const read = readKeys(request)
    if (typeof read === 'string') return link.answer(id, trafficClass, command, read)
    const domain = this.#needs.readDomain(read.domain)
    const body =
      domain !== undefined && domain === read.domain && link.channel.facts.showedFor(domain)
        ? this.#needs.keySet(domain)
        : undefined
    if (body === undefined) return link.answer(id, trafficClass, command, 'domain-not-hosted')
    // [LINK-4.4-4] Without a grant the answer has to fit one frame.
    const granted = request.fields.u32(fields.answerCredit.tag)
    const room = this.#needs.limits.frameBytes - responseHeadBytes
    if (body.length > Math.max(granted, room)) {
      return link.answer(id, trafficClass, command, 'too-large')
    }
    link.answerWith(id, trafficClass, command, 'ok', body, 0, 0, body.length)
  }

  /**
   * [LINK-6.2-1] Asks `domain` for its keys: on a link whose far end is certificate-proven, else on one dialled
   * for it.
   */
  async fetch(domain: string, signal: AbortSignal): Promise<Buffer> {
    const remote = this.#needs.readDomain(domain)
    if (remote === undefined) throw new GatewayError('bad-address', `not a domain: ${domain}`)
    for (const session of this.#roster.all) {
      const { link } = session
      if (mayBeAsked(session, remote) && link.isUsable && coversAny(link.channel, remote)) {
        return this.#ask(session, remote, signal)
      }
    }
    this.#strangerDials++
    try {
      const session = await this.#dialler.dialForKeys(this.#needs.mainDomain, remote)
      try {
        return await this.#ask(session, remote, signal)
      } finally {
        session.link.release('idle-release')
      }
    } finally {
      this.#strangerDials--
    }
  }

  #ask({ link }: Session, domain: Domain, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const fail = (code: Status): undefined =>
        reject(new GatewayError(code, `KEYS of ${domain} were not answered`)) as undefined
      signal.addEventListener('abort', () => fail('remote-timeout'), { once: true })
      link.ask(
        controlRequest(
          commands.keys.number,
          encodeKeys(domain),
          this.#needs.limits.keySetBytes,
          ({ status, buffer, bodyAt, end }) =>
            isSuccess(status)
              ? (resolve(Buffer.from(buffer.subarray(bodyAt, end))) as undefined)
              : fail(status),
          (code) => fail(code),
        ),
      )
    })
  }
}

/** [LINK-9.1-5] Not one that was found by fallback, as long as it has shown no key that was known before. */
const mayBeAsked = (session: Session, remote: Domain): boolean =>
  session.dialled !== undefined && (!session.dialled.needsKnownKey || session.speaksFor(remote))

const coversAny = ({ facts }: Channel, domain: Domain): boolean =>
  facts.certificate?.covers(domain, 'im') === true ||
  facts.certificate?.covers(domain, 'pres') === true
