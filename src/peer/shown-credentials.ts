/**
 * The credentials that this side shows on one link: numbered, shown once, referred to, refreshed while used.
 *
 * In:    a sender of ours, the domain at the far end and what the credential should allow.
 * Out:   a reference that the link writes into requests; it shows the token itself when that is due.
 * Spec:  [LINK-6.3-2] shown just before use, [LINK-6.3-3] numbers, [LINK-6.3-4] refresh
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { isSuccess, type Status } from '../errors.ts'
import type { Reference } from '../link/outgoing.ts'
import { encodeFields } from '../wire/fields.ts'
import { fields, type Scope } from '../wire/registry.ts'

/** What a credential is for: a user's own acts, or telling others of a user's presence. */
export type Purpose = 'user' | 'notify'

export const scopesOf: Readonly<Record<Purpose, readonly Scope[]>> = {
  user: ['im.send', 'pres.watch'],
  notify: ['pres.notify'],
}

/** A token, and the clock time at which it should be replaced. */
export type Minted = { readonly token: string; readonly refreshAt: number }
export type Mint = (subject: Address, audience: Domain, purpose: Purpose) => Minted

class Shown implements Reference {
  shown = false
  #number = 0
  readonly #nextNumber: () => number
  #mint: () => Minted
  #minted: Minted | undefined
  #bytes: Buffer | undefined
  readonly #refused: (status: Status) => undefined

  constructor(
    nextNumber: () => number,
    mint: () => Minted,
    refused: (status: Status) => undefined,
  ) {
    this.#nextNumber = nextNumber
    this.#mint = mint
    this.#refused = refused
  }

  /** [LINK-6.3-3] Given when it is first written: requests wait in classes, and numbers rise in the order of the link. */
  get number(): number {
    if (this.#number === 0) this.#number = this.#nextNumber()
    return this.#number
  }

  has(number: number): boolean {
    return this.#number === number
  }

  get isNumbered(): boolean {
    return this.#number !== 0
  }

  readonly fieldBytes = (): Buffer => {
    if (this.#bytes === undefined) {
      this.#minted = this.#mint()
      this.#bytes = encodeFields([[fields.token.tag, this.#minted.token]])
    }
    return this.#bytes
  }

  readonly shownAnswer = (status: Status): undefined => {
    // The token itself is not needed any more: a repetition mints a new one.
    this.#bytes = undefined
    if (!isSuccess(status)) this.#refused(status)
  }

  /** Has to be shown anew before the next use. */
  expire(now: number): undefined {
    if (this.#minted !== undefined && now >= this.#minted.refreshAt) this.showAgain()
  }

  showAgain(): undefined {
    this.shown = false
    this.#bytes = undefined
    this.#minted = undefined
  }
}

/** Numbers in one FORGET, so that it happens seldom. */
const batch = 64

/**
 * Credentials and waiting requests that are looked at within a second to find out who may leave, and what a look costs
 * at least. A far side that holds next to nothing, or gives no credit, makes every search a long one that finds nobody.
 */
const mostEffort = 200_000
const leastEffort = 1000

export class ShownCredentials {
  readonly #mint: Mint
  readonly #most: () => number
  readonly #evict: (numbers: readonly number[]) => undefined
  readonly #awaited: () => ReadonlySet<Reference>
  /** audience and purpose, then sender. */
  readonly #tables = new Map<Domain, Readonly<Record<Purpose, Map<string, Shown>>>>()
  /** Refused, and not given back yet: requests wait that refer to them. */
  readonly #leaving = new Set<Shown>()
  /** What a number stands for: whose table, and the name there. */
  readonly #byNumber = new Map<number, readonly [Map<string, Shown>, string]>()
  /** Numbers that the far side holds or will hold. */
  #count = 0
  #last = 0
  #effort = mostEffort

  /** `most`: what the far side holds; `evict` tells it what it may forget; `awaited`: what waits to be referred to. */
  constructor(
    mint: Mint,
    most: () => number,
    evict: (numbers: readonly number[]) => undefined,
    awaited: () => ReadonlySet<Reference>,
  ) {
    this.#mint = mint
    this.#most = most
    this.#evict = evict
    this.#awaited = awaited
  }

  get size(): number {
    return this.#count
  }

  /** The reference of `subject` for `audience`; a new one has not been shown yet. */
  refer(subject: Address, audience: Domain, purpose: Purpose): Reference {
    const tables = this.#tables.get(audience) ?? this.#open(audience)
    const table = tables[purpose]
    const known = table.get(subject.text)
    if (known !== undefined) return known
    if (this.#count >= this.#most()) this.#makeRoom()
    const shown: Shown = new Shown(
      () => {
        this.#byNumber.set(++this.#last, [table, subject.text])
        return this.#last
      },
      () => this.#mint(subject, audience, purpose),
      () => {
        // A refused number stays refused at the far side: the next use takes another.
        if (table.get(subject.text) !== shown) return
        table.delete(subject.text)
        this.#byNumber.delete(shown.number)
        // Requests that wait for their turn are told why.
        this.#leaving.add(shown)
        this.#giveBack()
      },
    )
    table.set(subject.text, shown)
    this.#count++
    return shown
  }

  /**
   * [LINK-6.3-5] The far side does not hold this number any more: what it stood for gets another one at its next use.
   * The old one may have been forgotten there, and then it can never be used again.
   */
  showAgain(number: number): undefined {
    const [table, subject] = this.#byNumber.get(number) ?? []
    if (table === undefined || subject === undefined) return
    this.#drop(table, subject)
    this.#evict([number])
  }

  /** Once a second: what nears its end is shown anew at its next use. */
  sweep(now: number): undefined {
    this.#effort = mostEffort
    for (const shown of this.#all()) shown.expire(now)
    this.#giveBack()
  }

  #open(audience: Domain) {
    const tables = { user: new Map<string, Shown>(), notify: new Map<string, Shown>() }
    this.#tables.set(audience, tables)
    return tables
  }

  *#all(): Generator<Shown> {
    for (const { user, notify } of this.#tables.values()) {
      yield* user.values()
      yield* notify.values()
    }
  }

  #drop(table: Map<string, Shown>, subject: string): undefined {
    const shown = table.get(subject)
    if (shown === undefined) return
    table.delete(subject)
    if (shown.isNumbered) this.#byNumber.delete(shown.number)
    this.#count--
  }

  /** References that requests wait to name; `undefined`: enough was looked at for now. */
  #look(): ReadonlySet<Reference> | undefined {
    if (this.#effort <= 0) return undefined
    const awaited = this.#awaited()
    this.#effort -= leastEffort + awaited.size
    return awaited
  }

  /** [LINK-6.4-2] What was refused leaves, once no request waits any more that refers to it. */
  #giveBack(): undefined {
    const awaited = this.#leaving.size === 0 ? undefined : this.#look()
    if (awaited === undefined) return
    const free = [...this.#leaving].filter((shown) => !awaited.has(shown))
    for (const shown of free) this.#leaving.delete(shown)
    this.#count -= free.length
    for (let at = 0; at < free.length; at += batch) {
      this.#evict(free.slice(at, at + batch).map(({ number }) => number))
    }
  }

  /**
   * [LINK-6.4-2] Gives back the oldest numbers, many at once; not those that a request refers to which waits in its
   * class, since FORGET would overtake it.
   */
  #makeRoom(): undefined {
    this.#giveBack()
    const awaited = this.#count < this.#most() ? undefined : this.#look()
    if (awaited === undefined) return
    const oldest: number[] = []
    // In the order in which they were numbered.
    for (const [number, [table, subject]] of this.#byNumber) {
      if (oldest.length === batch) break
      this.#effort--
      const shown = table.get(subject)
      if (shown === undefined || awaited.has(shown)) continue
      oldest.push(number)
      this.#drop(table, subject)
    }
    this.#evict(oldest)
  }
}
