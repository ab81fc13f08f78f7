/**
 * The credentials that this side shows on one link: numbered, shown once, referred to, refreshed while used.
 *
 * What becomes due in one turn is shown together, with one token for up to 64 users, and takes with it who was used
 * and would be due soon.
 *
 * In:    a sender of ours, the domain at the far end and what the credential should allow.
 * Out:   a reference that the link writes into requests; CREDENTIAL when that is due, FORGET for what has to leave.
 * Spec:  [LINK-6.3-2] shown just before use, [LINK-6.3-3] numbers, [LINK-6.3-4] refresh, [LINK-6.3-16], [LINK-6.3-17]
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { encodeCredential, encodeShared } from '../command/credential.ts'
import { isSuccess, type Status } from '../errors.ts'
import type { Presentation, Reference } from '../link/outgoing.ts'
import type { Scope } from '../wire/registry.ts'

/** What a credential is for: a user's own acts, or telling others of a user's presence. */
export type Purpose = 'user' | 'notify'

export const scopesOf: Readonly<Record<Purpose, readonly Scope[]>> = {
  user: ['im.send', 'pres.watch'],
  notify: ['pres.notify'],
}

export type Minted = {
  readonly token: string
  /** Its users, in its order. */
  readonly subjects: readonly Address[]
  /** Clock time from which on it may be replaced, if that costs nothing, and from which on it has to be. */
  readonly mayRefreshAt: number
  readonly refreshAt: number
}

/** `subjects`: one, or several of one domain, the most wanted first; those who have no room are left out. */
export type Mint = (
  subjects: readonly [Address, ...Address[]],
  audience: Domain,
  purpose: Purpose,
) => Minted

export type ShownPorts = {
  readonly mint: Mint
  /** Numbers that the far side holds. */
  readonly most: () => number
  /** [LINK-6.3-10] Users of one token that the far side takes. */
  readonly mostSubjects: () => number
  /** Tells the far side what it may forget. */
  readonly evict: (numbers: readonly number[]) => undefined
}

/** Numbers in one FORGET, so that it happens seldom. */
const batch = 64

/** Nobody knows the number yet; and it is never to be shown again. */
const notShown = 0
const never = Number.POSITIVE_INFINITY

/** [LINK-6.3-16] Refusals of a token that may be about one of its users. */
const ofOneUser: ReadonlySet<Status> = new Set([
  'credential-format',
  'credential-subject',
  'bad-request',
  'limit-reached',
])

/** For one audience and purpose. */
type Table = {
  readonly bySubject: Map<string, Shown>
  readonly byIssuer: Map<Domain, Group>
}

/** [LINK-10.3-5] Those who can share a token: of one issuer, for one audience and purpose. */
type Group = {
  readonly audience: Domain
  readonly purpose: Purpose
  readonly bySubject: Map<string, Shown>
  /** Requests wait that name them, and they have to be shown before. */
  readonly due: Set<Shown>
  /** Shown, those longest ago first. */
  readonly aging: Set<Shown>
}

class Shown implements Reference {
  number = 0
  refreshAt = notShown
  mayRefreshAt = notShown
  /** Requests that wait for their turn on the link and name it. */
  waiting = 0
  /** A request named it since it was last shown, or looked at for eviction. */
  isUsed = true
  /** Its token was refused because of somebody: it is shown by itself. */
  isAlone = false
  /** Its number was given up; requests that wait may still name it. */
  isGone = false
  /** With what the token was refused that it shared. */
  refusal: Status | undefined = undefined
  readonly subject: Address
  readonly group: Group
  readonly #all: ShownCredentials

  constructor(subject: Address, group: Group, all: ShownCredentials) {
    this.subject = subject
    this.group = group
    this.#all = all
  }

  wait(now: number): undefined {
    this.waiting++
    if (now >= this.refreshAt) this.group.due.add(this)
    if (this.waiting === 1) this.#all.awaited(this)
  }

  leave(): undefined {
    this.waiting--
    if (this.waiting > 0) return
    this.group.due.delete(this)
    this.#all.unawaited(this)
  }

  present(now: number): Presentation {
    return this.#all.present(this, now)
  }
}

export class ShownCredentials {
  readonly #ports: ShownPorts
  /** By audience. */
  readonly #tables = new Map<Domain, Readonly<Record<Purpose, Table>>>()
  /**
   * Who may leave, since no request waits that names them: a clock for second chance, whose hand stands at the first.
   * FORGET would overtake what waits.
   */
  readonly #clock = new Set<Shown>()
  /** Those that there are, and the numbers among them: so many the far side holds. */
  #count = 0
  #numbers = 0
  #last = 0

  constructor(ports: ShownPorts) {
    this.#ports = ports
  }

  get size(): number {
    return this.#count
  }

  /** The reference of `subject` for `audience`; a new one has not been shown yet. */
  refer(subject: Address, audience: Domain, purpose: Purpose): Reference {
    const table = (this.#tables.get(audience) ?? this.#open(audience))[purpose]
    const known = table.bySubject.get(subject.text)
    if (known !== undefined) {
      known.isUsed = true
      return known
    }
    if (this.#count >= this.#ports.most()) this.#makeRoom()
    const { domain } = subject
    return this.#add(
      subject,
      table.byIssuer.get(domain) ?? openGroup(table, domain, audience, purpose),
    )
  }

  /**
   * [LINK-6.3-5] [LINK-6.3-16] Whether a request that named `reference` and was refused with `status` is worth repeating:
   * the far side does not hold the number any more, or refused it together with others. Its user gets another number,
   * shown alone: the old one may have been forgotten there, and then it can never be used again.
   */
  isRenewed(reference: Reference | undefined, status: Status): boolean {
    if (!(reference instanceof Shown)) return false
    if (status !== 'credential-ref-unknown' && status !== reference.refusal) return false
    if (!reference.isGone) this.#replace([reference])
    return true
  }

  /** What the link writes before a request that names `first`, which is due. */
  present(first: Shown, now: number): Presentation {
    const { audience, purpose, bySubject, due, aging } = first.group
    const [, ...others] = this.#companions(first, now)
    const subjects = [first.subject, ...others.map(({ subject }) => subject)] as const
    const minted = this.#ports.mint([...subjects], audience, purpose)
    const shown = minted.subjects.map(({ text }) => bySubject.get(text) as Shown)
    for (const one of shown) {
      if (one.number === 0) {
        one.number = ++this.#last
        this.#numbers++
      }
      one.refreshAt = minted.refreshAt
      one.mayRefreshAt = minted.mayRefreshAt
      one.isAlone = false
      one.isUsed = one.waiting > 0
      due.delete(one)
      aging.delete(one)
      aging.add(one)
    }
    const answered = (status: Status): undefined => {
      if (!isSuccess(status)) this.#refused(shown, status)
    }
    if (shown.length === 1) {
      return { reference: first, fields: encodeCredential(minted.token), answered }
    }
    const numbers = shown.map(({ number }) => number)
    return { reference: undefined, fields: encodeShared(minted.token, numbers), answered }
  }

  awaited(shown: Shown): undefined {
    this.#clock.delete(shown)
  }

  unawaited(shown: Shown): undefined {
    if (shown.isGone) this.#giveBack([shown])
    else this.#clock.add(shown)
  }

  /** [LINK-6.3-17] Who is shown with `first`: others that requests wait for, then those in use that would be due soon. */
  #companions(first: Shown, now: number): readonly Shown[] {
    const most = first.isAlone ? 1 : this.#ports.mostSubjects()
    const all = new Set([first])
    // [LINK-6.4-2]
    let room = this.#ports.most() - this.#numbers - (first.number === 0 ? 1 : 0)
    const { due, aging } = first.group
    for (const one of due) {
      if (all.size >= most) break
      if (one.isAlone || one === first) continue
      if (one.number === 0 && room-- <= 0) continue
      all.add(one)
    }
    for (const one of aging) {
      if (all.size >= most || now < one.mayRefreshAt) break
      // Who is idle is shown when it is used again, and not looked at before.
      if (one.isUsed) all.add(one)
      else aging.delete(one)
    }
    return [...all]
  }

  #open(audience: Domain) {
    const tables = { user: emptyTable(), notify: emptyTable() }
    this.#tables.set(audience, tables)
    return tables
  }

  #add(subject: Address, group: Group): Shown {
    const shown = new Shown(subject, group, this)
    group.bySubject.set(subject.text, shown)
    this.#clock.add(shown)
    this.#count++
    return shown
  }

  /** The token of `all` was refused: none of them is named again by its number. */
  #refused(all: readonly Shown[], status: Status): undefined {
    const left = all.filter(({ isGone }) => !isGone)
    if (all.length === 1 || !ofOneUser.has(status)) return this.#drop(left)
    for (const one of left) one.refusal = status
    this.#replace(left)
  }

  #replace(all: readonly Shown[]): undefined {
    this.#drop(all)
    for (const { subject, group } of all) this.#add(subject, group).isAlone = true
  }

  #drop(all: readonly Shown[]): undefined {
    for (const one of all) {
      const { group, subject } = one
      one.isGone = true
      one.refreshAt = never
      group.bySubject.delete(subject.text)
      group.due.delete(one)
      group.aging.delete(one)
      this.#clock.delete(one)
    }
    this.#giveBack(all.filter(({ waiting }) => waiting === 0))
  }

  /** [LINK-6.4-2] No request waits any more that names them. */
  #giveBack(all: readonly Shown[]): undefined {
    const numbers = all.flatMap(({ number }) => (number === 0 ? [] : [number]))
    this.#count -= all.length
    this.#numbers -= numbers.length
    if (numbers.length > 0) this.#ports.evict(numbers)
  }

  /** [LINK-6.4-2] Gives numbers back, many at once: second chance, so of those that were not used lately. */
  #makeRoom(): undefined {
    const leaving: Shown[] = []
    for (const shown of this.#clock) {
      if (leaving.length === batch) break
      if (shown.isUsed) {
        shown.isUsed = false
        this.#clock.delete(shown)
        this.#clock.add(shown)
      } else leaving.push(shown)
    }
    this.#drop(leaving)
  }
}

const emptyTable = (): Table => ({ bySubject: new Map(), byIssuer: new Map() })

function openGroup(
  { bySubject, byIssuer }: Table,
  issuer: Domain,
  audience: Domain,
  purpose: Purpose,
): Group {
  const group = { audience, purpose, bySubject, due: new Set<Shown>(), aging: new Set<Shown>() }
  byIssuer.set(issuer, group)
  return group
}
