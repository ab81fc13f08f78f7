/**
 * KEYS, both ways: our key set is told to whoever asks for it, and other domains are asked for theirs.
 *
 * In:    requests of anybody; a domain whose keys are wanted.
 * Out:   the signed key set.
 * Fails: `domain-not-hosted` and `too-large` to the far side; the code of the dial or of the answer to us.
 * Spec:  [LINK-6.2-1], [LINK-6.2-2], [LINK-6.2-3], [LINK-4.4-4]
 */
import type { Service } from '../address/address.ts'
import { type Domain, readDomain } from '../address/domain.ts'
import { encodeKeys, readKeys } from '../command/keys.ts'
import type { Env } from '../env.ts'
import { GatewayError, isSuccess, type Status } from '../errors.ts'
import { sleep } from '../lib/clock.ts'
import type { RequestView } from '../link/link.ts'
import { refusableOf } from '../link/refusal.ts'
import { outcomeOf } from '../operation/call.ts'
import type { Account } from '../shares/account.ts'
import { Line } from '../shares/line.ts'
import { dialMs } from '../shares/prices.ts'
import { fields, responseHeadBytes } from '../wire/registry.ts'
import { type Dialler, mayTellKeys } from './dialler.ts'
import type { Hosted } from './hosted.ts'
import { ownRequest } from './own-requests.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'

/** The service for which DNS, or a route, says where `domain` is, as far as it can be told before `signal`. */
export type FoundBy = (
  domain: Domain,
  signal: AbortSignal,
  payer: Account,
) => Promise<Service | undefined>

export type KeysPorts = {
  readonly hosted: Hosted
  /** Whether the operator names the domain. */
  readonly isNamed: (domain: Domain) => boolean
  readonly foundBy: FoundBy
}

export class Keys {
  readonly #env: Env
  readonly #ports: KeysPorts
  readonly #table: Pick<SessionTable, 'all'>
  readonly #dialler: Pick<Dialler, 'dialForKeys'>
  /** Where claims of domains that nobody knows wait, since each may make us dial. */
  readonly #line: Line
  readonly #stopping = new AbortController()

  constructor(
    env: Env,
    ports: KeysPorts,
    table: Pick<SessionTable, 'all'>,
    dialler: Pick<Dialler, 'dialForKeys'>,
  ) {
    this.#env = env
    this.#ports = ports
    this.#table = table
    this.#dialler = dialler
    const { shares, limits, meter } = env
    this.#line = new Line(shares, 'dials', {
      places: limits.strangerDials,
      few: 1,
      most: limits.strangerClaims,
      priceMs: dialMs,
      waits: () => meter.hit('strangerDials'),
    })
  }

  /** Claims that wait are not waited for. */
  stop(): undefined {
    this.#stopping.abort()
  }

  /**
   * [LINK-6.2-3] Fetches the keys of `domain`, which nobody knows and which is claimed on the link of the session: once it is seen to
   * be anywhere, and when it is the turn of the network that claims it. [LINK-6.1-3] Waits no longer than a claim may.
   */
  async inTurn(
    session: Session,
    domain: Domain,
    fetch: () => Promise<undefined>,
  ): Promise<undefined> {
    // Our users wanted the link.
    if (session.dialled?.remote === domain) return fetch()
    const { clock, limits, shares } = this.#env
    const payer = this.#ports.isNamed(domain) ? shares.domain(domain, '') : session.network
    const stop = new AbortController()
    const ended = AbortSignal.any([stop.signal, this.#stopping.signal])
    const end = sleep(clock, limits.keyFetchMs, ended).then(() => stop.abort())
    const fetched = this.#fetchInTurn(domain, payer, fetch, stop.signal)
    // What DNS says is told no sooner than what a dial meets.
    if (await Promise.race([fetched, end.then(() => true)])) stop.abort()
    await end
  }

  /** Whether there was a fetch. */
  async #fetchInTurn(
    domain: Domain,
    payer: Account,
    fetch: () => Promise<undefined>,
    signal: AbortSignal,
  ): Promise<boolean> {
    // The cheap look first: a name that was made up takes no place.
    if ((await this.#ports.foundBy(domain, signal, payer)) === undefined) return false
    if (!(await this.#line.take(payer, signal))) return false
    try {
      await fetch()
    } finally {
      this.#line.give(payer)
    }
    return true
  }

  /** [LINK-6.2-2] Told to anybody, but only for a domain whose certificate was shown on this link. */
  tell(session: Session, request: RequestView): undefined {
    const { link } = session
    const { id, trafficClass, command } = request
    const no = (code: Status): undefined => session.refuse(refusableOf(request), outcomeOf(code))
    if (!link.mayClaim()) return no('rate-limited')
    const read = readKeys(request)
    if (typeof read === 'string') return no(read)
    const { domain } = read
    const isShown = link.channel.facts.showedFor(domain)
    const body = isShown ? this.#ports.hosted.keySet(domain) : undefined
    if (body === undefined) return no('domain-not-hosted')
    // [LINK-4.4-4] Without a grant the answer has to fit one frame.
    const granted = request.fields.u32(fields.answerCredit.tag)
    const room = this.#env.limits.frameBytes - responseHeadBytes
    if (body.length > Math.max(granted, room)) return no('too-large')
    link.answerWith(id, trafficClass, command, 'ok', body, 0, 0, body.length)
  }

  /**
   * [LINK-6.2-1] Asks `domain` for its keys: on a link whose far end is certificate-proven, else on one dialled
   * for it.
   */
  async fetch(domain: string, signal: AbortSignal): Promise<Buffer> {
    const remote = readDomain(domain)
    if (remote === undefined) throw new GatewayError('bad-address', `not a domain: ${domain}`)
    for (const session of this.#table.all) {
      const { link } = session
      if (mayBeAsked(session, remote) && link.isUsable && mayTellKeys(link.channel, remote)) {
        return this.ask(session, remote, signal)
      }
    }
    const { hosted, foundBy } = this.#ports
    const payer = this.#env.shares.remote(remote)
    // Where it is nowhere, the dial says why.
    const service = (await foundBy(remote, signal, payer)) ?? 'im'
    const session = await this.#dialler.dialForKeys(hosted.main, remote, service, payer, signal)
    try {
      return await this.ask(session, remote, signal)
    } finally {
      session.link.release('idle-release')
    }
  }

  /** The body of the answer to KEYS on this link. */
  ask({ link }: Session, domain: Domain, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const fail = (code: Status): undefined =>
        reject(new GatewayError(code, `KEYS of ${domain} were not answered`)) as undefined
      signal.addEventListener('abort', () => fail('remote-timeout'), { once: true })
      link.ask(
        ownRequest(
          'keys',
          encodeKeys(domain),
          ({ status, buffer, bodyAt, end }) =>
            isSuccess(status)
              ? (resolve(Buffer.from(buffer.subarray(bodyAt, end))) as undefined)
              : fail(status),
          (code) => fail(code),
          this.#env.limits.keySetBytes,
        ),
      )
    })
  }
}

/** [LINK-9.1-5] Not one that was found by fallback, as long as it has shown no key that was known before. */
const mayBeAsked = (session: Session, remote: Domain): boolean =>
  session.dialled !== undefined && (!session.dialled.needsKnownKey || session.speaksFor(remote))
