/**
 * The gate: requests that wait for the facts about an owner, and those that must not overtake them.
 *
 * In:    a call, and how it goes on.
 * Out:   it goes on in the same turn where nothing has to be waited for, else in the order of the calls: those about one
 *        owner, and those of one speaker that name none (RENEW, UNSUBSCRIBE) behind its own that wait, and in front of
 *        those that come after them.
 * Fails: `busy`, for a time: the directory cannot say, or too many wait. The same for users that exist and for others.
 */
import type { Address } from '../address/address.ts'
import type { Env } from '../lib/env.ts'
import { type Call, type Caller, later } from '../operation/call.ts'
import type { Owner } from '../operation/directory.ts'
import type { OwnersPort } from './stages.ts'

/** What whoever asks is told to wait. */
const againMs = 1000

export const busy = later('busy', againMs)

/** Calls of one speaker that wait for facts, and those behind them, each to come to the gate once more. */
type Waits = { count: number; readonly behind: (() => undefined)[] }

export class Gate {
  readonly #env: Env
  readonly #owners: OwnersPort
  readonly #waits = new Map<string, Waits>()
  /** Calls behind others, of all speakers. */
  #behind = 0

  constructor(env: Env, owners: OwnersPort) {
    this.#env = env
    this.#owners = owners
  }

  /** Goes on with the facts about `user`. */
  pass(call: Call, user: Address, go: (owner: Owner) => undefined): undefined {
    const speaker = speakerOf(call.caller)
    const waits = this.#waits.get(speaker)
    if (waits !== undefined && waits.behind.length > 0) {
      return this.#queue(call, waits, () => this.pass(call, user, go))
    }
    const known = this.#owners.known(user, call.at)
    if (known !== undefined) return go(known)
    this.#wait(call, user, go, waits ?? { count: 0, behind: [] })
  }

  /** Goes on once nothing of the same speaker waits. */
  behind(call: Call, go: () => undefined): undefined {
    const waits = this.#waits.get(speakerOf(call.caller))
    if (waits === undefined) return go()
    this.#queue(call, waits, () => this.behind(call, go))
  }

  #wait(call: Call, user: Address, go: (owner: Owner) => undefined, waits: Waits): undefined {
    const speaker = speakerOf(call.caller)
    const isWaiting = this.#owners.wait(user, (owner) => {
      if (owner === undefined) call.answer(busy)
      else go(owner)
      this.#leave(speaker, waits)
    })
    if (!isWaiting) return call.answer(busy)
    waits.count++
    this.#waits.set(speaker, waits)
  }

  #queue(call: Call, { behind }: Waits, again: () => undefined): undefined {
    const { limits, meter } = this.#env
    if (this.#behind >= limits.ownersWaiting) {
      meter.hit('ownersWaiting')
      return call.answer(busy)
    }
    this.#behind++
    behind.push(again)
  }

  #leave(speaker: string, waits: Waits): undefined {
    if (--waits.count > 0) return
    this.#waits.delete(speaker)
    this.#behind -= waits.behind.length
    for (const again of waits.behind) again()
  }
}

/** A user of ours; else a domain, whose watchers are its own affair. */
const speakerOf = ({ door, user, domain }: Caller): string =>
  door === 'domain' || user === undefined ? domain : user.text
