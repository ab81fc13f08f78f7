/**
 * Links that this side opens: shared where one leads there already, else dialled, and handed out once they are proven.
 *
 * In:    a domain of ours, the domain to reach, and for which service.
 * Out:   a session that is proven for the pair; or one that only asks for keys.
 * Fails: the code of the search or of the dial; `remote-unreachable` or `remote-untrusted` if the link ends unproven;
 *        `link-stopped` once this gateway stops.
 * Spec:  [LINK-5.4-2]; draft §5.2.1.5
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { GatewayError, type Status } from '../errors.ts'
import type { Channel } from '../link/channel.ts'
import type { Account } from '../shares/account.ts'
import type { Admission } from './admission.ts'
import { services } from './destinations.ts'
import type { Proofs } from './proofs.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'

/** Whether the place where a link leads is still one to dial; `ageMs`: of the link. */
export type IsNamed = (ageMs: number, signal: AbortSignal, payer: Account) => Promise<boolean>

/** A connected channel and how it was found. */
export type Connected = {
  readonly channel: Channel
  readonly host: string
  readonly port: number
  readonly needsKnownKey: boolean
  readonly isNamed?: IsNamed
}

/** Finds and connects a gateway of `remote`, until `signal` aborts; rejects with a GatewayError. `payer`: for DNS. */
export type Connect = (
  remote: Domain,
  service: Service,
  signal: AbortSignal,
  payer: Account,
) => Promise<Connected>

/** [LINK-6.2-1] Keys speak for all of a domain, so a certificate for one of its services does not do. */
export const mayTellKeys = ({ facts }: Channel, domain: Domain): boolean =>
  services.every((service) => facts.certificate?.covers(domain, service) === true)

type Opening = {
  readonly local: Domain
  readonly remote: Domain
  readonly service: Service
  readonly payer: Account
  readonly old: Session | undefined
}

type Waiting = {
  readonly resolve: (session: Session) => undefined
  readonly reject: (error: GatewayError) => undefined
}

export class Dialler {
  readonly #find: Connect
  readonly #table: Pick<SessionTable, 'all' | 'add'>
  readonly #proofs: Pick<Proofs, 'claim'>
  readonly #admission: Pick<Admission, 'proven'>
  /** Dials whose link is there and not proven yet. */
  readonly #waiting = new Map<Session, Waiting>()
  /** Ends the dials that are under way. */
  readonly #stopping = new AbortController()

  constructor(
    find: Connect,
    table: Pick<SessionTable, 'all' | 'add'>,
    proofs: Pick<Proofs, 'claim'>,
    admission: Pick<Admission, 'proven'>,
  ) {
    this.#find = find
    this.#table = table
    this.#proofs = proofs
    this.#admission = admission
  }

  get isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  /** A link for the pair; another one than `old`. */
  async dial(
    local: Domain,
    remote: Domain,
    service: Service,
    payer: Account,
    old?: Session,
  ): Promise<Session> {
    for (const session of this.#table.all) {
      const { dialled, link } = session
      if (session === old) continue
      // A link of another domain of ours to the same gateway: one more claim is enough.
      if (dialled?.remote !== remote || dialled.forKeys || dialled.service !== service) continue
      if (!link.isUsable || session.standing !== 'proven') continue
      if (session.isRefused(local, remote)) continue
      if (link.channel.facts.certificate?.covers(remote, service) !== true) continue
      this.#proofs.claim(session, local, remote)
      this.#provenByCertificate(session, local, remote)
      if (session.serves(local, remote, service)) return session
    }
    return this.#open({ local, remote, service, payer, old })
  }

  /** A link on which `local` asks for the keys of `remote`, whoever the far side is; there before `signal`. */
  async dialForKeys(
    local: Domain,
    remote: Domain,
    service: Service,
    payer: Account,
    signal: AbortSignal,
  ): Promise<Session> {
    const connected = await this.#connect(remote, service, payer, signal)
    const { channel, host, needsKnownKey } = connected
    const refuse = (why: string): never => {
      channel.destroy()
      throw new GatewayError('remote-untrusted', `${host} ${why}`)
    }
    // [LINK-9.1-5] The keys that it showed would make it known.
    if (needsKnownKey) refuse('was found by fallback alone')
    if (!mayTellKeys(channel, remote)) refuse(`is not certified for all of ${remote}`)
    return this.#start(connected, local, remote, service, true)
  }

  /** A pair is proven on the link. */
  proven(session: Session): undefined {
    this.#waiting.get(session)?.resolve(session)
    this.#waiting.delete(session)
  }

  closed(session: Session, reason: Status, detail: string): undefined {
    const code = reason === 'link-lost' ? 'remote-unreachable' : 'remote-untrusted'
    this.#waiting.get(session)?.reject(new GatewayError(code, detail))
    this.#waiting.delete(session)
  }

  stop(): undefined {
    this.#stopping.abort()
  }

  async #open({ local, remote, service, payer, old }: Opening): Promise<Session> {
    const connected = await this.#connect(remote, service, payer)
    const { channel, needsKnownKey } = connected
    const shared = this.#sharing(local, remote, service, connected, old)
    if (shared !== undefined) {
      channel.destroy()
      return shared
    }
    const session = this.#start(connected, local, remote, service, false)
    this.#proofs.claim(session, local, remote)
    // [LINK-5.4-2]
    const covered = channel.facts.certificate?.covers(remote, service) === true
    if (covered && !needsKnownKey) this.#provenByCertificate(session, local, remote)
    if (session.serves(local, remote, service)) return session
    // Only a key can prove this one: it is used once the far side has shown it.
    return new Promise((resolve, reject) => {
      this.#waiting.set(session, {
        resolve: (proven) => resolve(proven) as undefined,
        reject: (error) => reject(error) as undefined,
      })
    })
  }

  async #connect(
    remote: Domain,
    service: Service,
    payer: Account,
    until?: AbortSignal,
  ): Promise<Connected> {
    const stopping = this.#stopping.signal
    const signal = until === undefined ? stopping : AbortSignal.any([stopping, until])
    try {
      const connected = await this.#find(remote, service, signal, payer)
      if (!signal.aborted) return connected
      connected.channel.destroy()
    } catch (cause) {
      if (!signal.aborted) throw cause
    }
    if (stopping.aborted) throw new GatewayError('link-stopped', 'stopping')
    throw new GatewayError('remote-timeout', `no link to ${remote} in time`)
  }

  #start(
    { channel, host, port, needsKnownKey, isNamed }: Connected,
    local: Domain,
    remote: Domain,
    service: Service,
    forKeys: boolean,
  ): Session {
    const dialled = { local, remote, service, host, port, needsKnownKey, forKeys, isNamed }
    const session = this.#table.add(channel, 'gateway', dialled, local)
    session.link.start()
    return session
  }

  /** Another link to the same host and port: the two services share it. */
  #sharing(
    local: Domain,
    remote: Domain,
    service: Service,
    { host, port }: Connected,
    old: Session | undefined,
  ): Session | undefined {
    for (const session of this.#table.all) {
      const { dialled } = session
      if (session === old) continue
      if (dialled?.host !== host || dialled.port !== port || dialled.remote !== remote) continue
      if (session.link.isUsable && session.serves(local, remote, service)) return session
    }
    return undefined
  }

  #provenByCertificate(session: Session, local: Domain, remote: Domain): undefined {
    this.#admission.proven(session, { local, remote, kinds: new Set(['certificate']), key: '' })
  }
}
