/**
 * What is known of the owners of inboxes and presence, and the gate where requests wait for it.
 *
 * In:    a user of ours; what the directory of its domain says, now or later, or that it cannot say.
 * Out:   the facts, at once while they are fresh and nobody waits for them; else later, in the order of the calls.
 * Fails: whoever waits is told that nothing is known: the same for users that exist and for others.
 *
 * The gate is a queue for each owner: what is asked later never gets its facts earlier, so no message overtakes another
 * that has to wait for the directory. [LINK-6.7-16] Each queue is short: one slow answer holds what is asked about one
 * user, and not what its askers need for others.
 */
import type { Address } from '../address/address.ts'
import type { Env } from '../env.ts'
import { type BoundedMap, boundedMap } from '../lib/bounded-map.ts'
import type { Directory, Entry, Owner } from '../operation/directory.ts'
import type { Account } from '../shares/account.ts'
import { FairRoom } from '../shares/fair-room.ts'

/** Nothing: the directory cannot say. */
type Then = (owner: Owner | undefined) => undefined

type Fact = { readonly owner: Owner; readonly until: number }

const nobody: Owner = { isUser: false, keys: [] }

export class Owners {
  readonly #env: Env
  readonly #directoryOf: (domain: string) => Directory | undefined
  readonly #facts: BoundedMap<Fact>
  /** By owner: who waits for its facts. */
  readonly #waiting = new Map<string, Then[]>()
  /** By domain: who waits for its directory. */
  readonly #rooms = new Map<string, FairRoom>()

  constructor(env: Env, directoryOf: (domain: string) => Directory | undefined) {
    this.#env = env
    this.#directoryOf = directoryOf
    this.#facts = boundedMap({ most: env.limits.owners })
  }

  /** The facts, if they are fresh at `at` and nobody waits for them. */
  known(user: Address, at: number): Owner | undefined {
    // Looking is no use of it: what is asked often is as old as the rest, and asked anew as soon.
    const fact = this.#facts.peek(user.text)
    if (fact === undefined || fact.until < at || this.#waiting.has(user.text)) return undefined
    return fact.owner
  }

  /**
   * Calls `then` with the facts, after everybody who waits for the same owner. False: too many wait for it, or for the
   * directory of its domain, in all or for `payer`.
   */
  wait(user: Address, payer: Account, then: Then): boolean {
    const { limits, meter } = this.#env
    const others = this.#waiting.get(user.text)
    const isCrowded = (others?.length ?? 0) >= limits.recipientMessages
    const leave = isCrowded ? undefined : this.#roomOf(user.domain).take(payer)
    if (leave === undefined) {
      meter.hit(isCrowded ? 'recipientMessages' : 'ownersWaiting')
      return false
    }
    const told: Then = (owner) => {
      leave()
      return then(owner)
    }
    if (others !== undefined) {
      others.push(told)
      return true
    }
    this.#waiting.set(user.text, [told])
    void this.find(user).then(
      (entry) => this.#tell(user, ownerOf(entry)),
      () => this.#tell(user, undefined),
    )
    return true
  }

  /** Asks the directory, whatever is known, and keeps what it says; rejects if it fails or takes too long. */
  async find(user: Address): Promise<Entry | undefined> {
    const directory = this.#directoryOf(user.domain)
    if (directory === undefined) return undefined
    const entry = await this.#ask(directory, user)
    this.#keep(user, ownerOf(entry))
    return entry
  }

  async #ask(directory: Directory, user: Address): Promise<Entry | undefined> {
    const { clock, limits, meter } = this.#env
    const late = Promise.withResolvers<never>()
    const cancel = clock.after(limits.directoryMs, () => {
      meter.hit('directoryMs')
      late.reject(new Error('the directory takes too long'))
    })
    try {
      return await Promise.race([directory.find(user), late.promise])
    } finally {
      cancel()
    }
  }

  #keep(user: Address, owner: Owner): undefined {
    const { clock, limits } = this.#env
    this.#facts.set(user.text, { owner, until: clock.now() + limits.ownerMs })
  }

  #tell(user: Address, owner: Owner | undefined): undefined {
    const waiting = this.#waiting.get(user.text) ?? []
    // What is asked for while they are told waits behind them.
    for (const then of waiting) then(owner)
    this.#waiting.delete(user.text)
  }

  #roomOf(domain: string): FairRoom {
    const room = this.#rooms.get(domain) ?? new FairRoom(this.#env.limits.ownersWaiting)
    this.#rooms.set(domain, room)
    return room
  }
}

const ownerOf = (entry: Entry | undefined): Owner =>
  entry === undefined ? nobody : { ...entry, isUser: true }
