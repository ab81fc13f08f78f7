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
  /** By domain: how many wait for its directory. */
  readonly #waits = new Map<string, number>()

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

  /** Calls `then` with the facts, after everybody who waits for the same owner. False: too many wait for it or its domain. */
  wait(user: Address, then: Then): boolean {
    const { limits, meter } = this.#env
    const waits = this.#waits.get(user.domain) ?? 0
    const others = this.#waiting.get(user.text)
    const isFull = waits >= limits.ownersWaiting
    if (isFull || (others?.length ?? 0) >= limits.recipientMessages) {
      meter.hit(isFull ? 'ownersWaiting' : 'recipientMessages')
      return false
    }
    this.#waits.set(user.domain, waits + 1)
    if (others !== undefined) {
      others.push(then)
      return true
    }
    this.#waiting.set(user.text, [then])
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
    for (const then of waiting) {
      this.#waits.set(user.domain, (this.#waits.get(user.domain) ?? 0) - 1)
      then(owner)
    }
    this.#waiting.delete(user.text)
  }
}

const ownerOf = (entry: Entry | undefined): Owner =>
  entry === undefined ? nobody : { ...entry, isUser: true }
