/**
 * What follows from a proof: the pair is served on the link, the user is attached, or neither.
 *
 * In:    what `proofs.ts` found about the far end; HELLO; the end of a link.
 * Out:   standing of the session, its place in the pool, our own claim back; `joined` and `left`.
 * Fails: `protocol-state` for a second user, or for a far end that is not what it was taken for.
 * Spec:  [LINK-5.4-3], [LINK-5.4-6], [LINK-5.4-9], [LINK-5.4-12]
 */
import type { Address, Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { PublicKey } from '../credential/ed25519.ts'
import type { Env } from '../env.ts'
import { isSuccess, type Status } from '../errors.ts'
import type { Facts } from '../lib/log.ts'
import type { Counter } from '../lib/meter.ts'
import type { Hello } from '../link/hello.ts'
import type { Journal, JournalEvent } from '../operation/journal.ts'
import type { Core } from '../operation/ports.ts'
import { services } from './destinations.ts'
import { restMs } from './load-shedding.ts'
import type { Pair, Proof, ProofKind } from './pair.ts'
import type { Pool } from './pool.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'
import { AttachedSession } from './user-session.ts'

export type AdmissionPorts = {
  readonly core: () => Core
  /** Keeps the keys of a domain fresh until the result is called. */
  readonly watchKeys: (domain: Domain) => () => undefined
  /** Proofs that every link with `remote` must have before it serves. */
  readonly required: (remote: Domain) => readonly ProofKind[]
  /** An accepted channel has proven something. */
  readonly provenChannel: (session: Session) => undefined
  /** Claims `local` towards `remote`, once. */
  readonly claim: (session: Session, local: Domain, remote: Domain) => undefined
  /** The link serves a pair: whoever waits for it may go on. */
  readonly served: (session: Session) => undefined
  /** A pair was proven on a link that now serves it; or a link of the pair is gone. */
  readonly joined: (session: Session, pair: Pair) => undefined
  readonly left: (session: Session, pair: Pair) => undefined
}

export class Admission {
  readonly #env: Env
  readonly #ports: AdmissionPorts
  readonly #journal: Pick<Journal, 'note'>
  readonly #table: Pick<SessionTable, 'all'>
  readonly #pool: Pick<Pool, 'list' | 'wake' | 'withdraw' | 'works'>
  readonly #shown: Counter
  readonly #keyWatches = new Map<Session, (() => undefined)[]>()

  constructor(
    env: Env,
    journal: Pick<Journal, 'note'>,
    ports: AdmissionPorts,
    table: Pick<SessionTable, 'all'>,
    pool: Pick<Pool, 'list' | 'wake' | 'withdraw' | 'works'>,
  ) {
    this.#env = env
    this.#journal = journal
    this.#ports = ports
    this.#table = table
    this.#pool = pool
    this.#shown = env.meter.counter('presence_updates_total', { action: 'shown' })
  }

  greeted(session: Session, hello: Hello): Status | undefined {
    const { dialled, link } = session
    // [LINK-5.2-7]
    if (hello.role !== (session.role === 'client' ? 'client' : 'gateway')) return 'protocol-state'
    if (dialled === undefined || dialled.forKeys) return undefined
    this.#ports.claim(session, dialled.local, dialled.remote)
    if (session.standing !== 'proven') return undefined
    link.proven()
    // On a link that this side dialled, services and `state` come after the proof by certificate.
    for (const pair of session.pairs) {
      this.#pool.list(session, pair.local, pair.remote, hello.services)
      this.#ports.joined(session, pair)
    }
    return undefined
  }

  proven(session: Session, proof: Proof): undefined {
    // It may have ended while the key was fetched: nothing may rest on it then.
    if (!this.#table.all.has(session)) return
    const { local, remote } = proof
    const { link, dialled } = session
    const kind = [...proof.kinds].join('+')
    const all = session.prove(proof)
    this.#env.meter.counter('proofs_total', { kind }).n++
    this.#env.log.info('link.proven', { local, remote, kind, peer: link.channel.facts.remote })
    const way = wayTo(session, remote)
    this.#journal.note({ kind: 'proof', ...way, local, cause: 'ok', detail: kind })
    // What the operator asks for beyond the first proof has to be there, too. [LINK-5.4-6]
    if (!this.#isEnough(session, all)) return
    // Before anything rests on it.
    if (!session.takePlace(remote)) {
      session.waiting.refuse(0, 'busy')
      return link.release('resource-shortage', restMs)
    }
    const { pair, isMore } = session.admit(all, this.#servicesOf(session, all))
    link.proven()
    // The far side is told who we are on its link, too: its traffic back needs it. [LINK-5.4-3]
    if (dialled === undefined) this.#ports.claim(session, local, remote)
    if (isMore) this.#watchKeys(session, remote)
    const offered = link.hello?.services ?? (dialled === undefined ? [] : [dialled.service])
    this.#pool.list(session, local, remote, offered)
    this.#pool.wake(local, remote)
    if (isMore) this.#ports.joined(session, pair)
    this.#ports.served(session)
    session.waiting.reopen()
  }

  /** Rejects if the directory cannot say whether there is such a user. */
  async attached(session: Session, user: Address, userKey: PublicKey): Promise<Status> {
    const { core, provenChannel } = this.#ports
    // It may have ended while the directory was asked.
    if (!this.#table.all.has(session)) return 'link-lost'
    // First of all: once it is attached, others see that it is there.
    if (!session.takePlace(user)) return 'busy'
    const attachment = new AttachedSession(session, user, this.#shown)
    let code: Status = 'busy'
    try {
      code = await core().attach(attachment)
    } finally {
      if (!isSuccess(code)) session.givePlace()
    }
    provenChannel(session)
    if (!isSuccess(code)) return code
    if (!this.#table.all.has(session)) {
      core().detach(attachment)
      return 'link-lost'
    }
    session.attach(attachment, userKey)
    session.link.proven()
    const peer = session.link.channel.facts.remote
    this.#env.log.info('client.attached', { domain: user.domain, peer })
    return 'ok'
  }

  /** A client could not attach; `domain`: of the user that it wanted to be, as far as it could be read. */
  notAttached(
    session: Session,
    cause: Status,
    detail: string,
    domain: Domain | undefined,
  ): undefined {
    this.#env.log.warn('client.refused', { ...session.whoClaims(domain), cause, detail })
    this.#tellWaiting(session, cause)
  }

  /** A claim of the far side. `claimed`: the domain that was not proven, as far as it could be read. */
  refused(session: Session, code: Status, detail: string, claimed: Domain | undefined): undefined {
    if (claimed !== undefined) {
      const way = wayTo(session, claimed)
      this.#journal.note({ kind: 'proof', ...way, local: undefined, cause: code, detail })
    }
    this.#notBelieved(session, code, detail, claimed === undefined ? {} : { claimed })
  }

  /** The far side takes us for `local`. */
  claimAccepted(session: Session, local: Domain, remote: Domain): undefined {
    const way = wayTo(session, remote)
    this.#journal.note({ kind: 'claim', ...way, local, cause: 'ok', detail: '' })
    this.#pool.works(local, remote)
  }

  /** [LINK-5.4-9] Our own claim was refused: nothing of ours can pass here, or nothing of one of our domains. */
  claimRefused(
    session: Session,
    [local, remote]: readonly [Domain, Domain],
    code: Status,
    detail: string,
  ): undefined {
    const way = wayTo(session, remote)
    this.#journal.note({ kind: 'claim', ...way, local, cause: code, detail })
    this.#notBelieved(session, code, detail, { local, remote })
    const { dialled, link } = session
    if (dialled === undefined || !link.isUsable) return
    this.#pool.withdraw(session, local, remote, code)
    if (dialled.local === local && dialled.remote === remote) {
      return link.release('domain-not-proven')
    }
    session.withdraw(local, remote)
  }

  /** The link is closed: what rested on it ends. */
  ended(session: Session): undefined {
    for (const unwatch of this.#keyWatches.get(session) ?? []) unwatch()
    this.#keyWatches.delete(session)
    if (session.attachment !== undefined) this.#ports.core().detach(session.attachment)
    for (const pair of session.pairs) this.#ports.left(session, pair)
  }

  /** A claim of the far side, or one of ours. */
  #notBelieved(session: Session, code: Status, detail: string, claim: Facts): undefined {
    this.#env.log.warn('link.proof-refused', { ...session.who, ...claim, cause: code, detail })
    this.#tellWaiting(session, code)
  }

  /** Requests that waited for the proof. */
  #tellWaiting({ standing, waiting }: Session, code: Status): undefined {
    if (standing === 'refused') waiting.refuse(0, code)
    else if (standing === 'proven') waiting.reopen()
  }

  /** [LINK-5.4-12] A key speaks for all of its domain, a certificate for what it names. */
  #servicesOf({ link }: Session, { remote, kinds }: Proof): readonly Service[] {
    if (hasKey(kinds) && !this.#ports.required(remote).includes('certificate')) return services
    const { certificate } = link.channel.facts
    return services.filter((service) => certificate?.covers(remote, service) === true)
  }

  #isEnough(session: Session, { remote, kinds }: Proof): boolean {
    if (session.dialled?.needsKnownKey === true && !hasKey(kinds)) return false
    return this.#ports
      .required(remote)
      .every((kind) => kinds.has(kind) || (kind === 'key' && hasKey(kinds)))
  }

  /** Keys of a domain that a link rests on are kept fresh while it lives. */
  #watchKeys(session: Session, remote: Domain): undefined {
    const watches = this.#keyWatches.get(session) ?? []
    this.#keyWatches.set(session, [...watches, this.#ports.watchKeys(remote)])
  }
}

const hasKey = (kinds: ReadonlySet<ProofKind>): boolean => kinds.has('key') || kinds.has('pinned')

/** For the journal: whether this side made the link to get to `remote`, and what for. */
export function wayTo(
  { dialled }: Session,
  remote: Domain,
): Pick<JournalEvent, 'direction' | 'remote' | 'service'> {
  const isOurs = dialled?.remote === remote && !dialled.forKeys
  return { direction: isOurs ? 'out' : 'in', remote, service: isOurs ? dialled.service : undefined }
}
