/**
 * The gate: requests that wait for the facts about an owner, and those that must not overtake them.
 *
 * In:    a call, and how it goes on.
 * Out:   it goes on in the same turn where nothing has to be waited for, else in the order of the calls: those about one
 *        owner, and those of one speaker that name none (RENEW, UNSUBSCRIBE) behind its own that wait by then, and before
 *        those that come after.
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

type Go = () => undefined

/**
 * Calls of one speaker between two barriers: those that wait for an owner, those that could go on if it were their turn,
 * and what goes on after all of them. A call that comes behind a barrier begins the next turn, so that a barrier is
 * passed however many come after it.
 */
type Turn = { waits: number; readonly ready: Go[]; readonly after: Go[] }

export class Gate {
  readonly #env: Env
  readonly #owners: OwnersPort
  /** By speaker, the turn that goes on now first; never empty. */
  readonly #turns = new Map<string, Turn[]>()

  constructor(env: Env, owners: OwnersPort) {
    this.#env = env
    this.#owners = owners
  }

  /** Goes on with the facts about `user`. */
  pass(call: Call, user: Address, go: (owner: Owner) => undefined): undefined {
    const known = this.#owners.known(user, call.at)
    const speaker = speakerOf(call.caller)
    const last = this.#turns.get(speaker)?.at(-1)
    if (known !== undefined) {
      return last === undefined || last.after.length === 0
        ? go(known)
        : this.#afterAll(call, last, () => go(known))
    }
    const turn = last === undefined || last.after.length > 0 ? newTurn() : last
    const isWaiting = this.#owners.wait(user, (owner) => {
      turn.waits--
      turn.ready.push(() => (owner === undefined ? call.answer(busy) : go(owner)))
      this.#moveOn(speaker)
    })
    if (!isWaiting) return call.answer(busy)
    turn.waits++
    if (turn === last) return
    const turns = this.#turns.get(speaker)
    if (turns === undefined) this.#turns.set(speaker, [turn])
    else turns.push(turn)
  }

  /** Goes on once nothing waits that the same speaker asked before. */
  behind(call: Call, go: Go): undefined {
    const last = this.#turns.get(speakerOf(call.caller))?.at(-1)
    return last === undefined ? go() : this.#afterAll(call, last, go)
  }

  #afterAll(call: Call, { after }: Turn, go: Go): undefined {
    const { limits, meter } = this.#env
    if (after.length < limits.ownersWaiting) {
      after.push(go)
      return
    }
    meter.hit('ownersWaiting')
    call.answer(busy)
  }

  #moveOn(speaker: string): undefined {
    const turns = this.#turns.get(speaker) ?? []
    for (let turn = turns[0]; turn !== undefined; turn = turns[0]) {
      for (const go of turn.ready.splice(0)) go()
      if (turn.waits > 0) return
      for (const go of turn.after.splice(0)) go()
      turns.shift()
    }
    this.#turns.delete(speaker)
  }
}

const newTurn = (): Turn => ({ waits: 0, ready: [], after: [] })

/** A user of ours; else a domain, whose watchers are its own affair. */
const speakerOf = ({ door, user, domain }: Caller): string =>
  door === 'domain' || user === undefined ? domain : user.text
