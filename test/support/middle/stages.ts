/** The stages that a route calls, as a test wants them: each writes down what comes to it. */
import type { Status } from '../../../src/errors.ts'
import type { Call } from '../../../src/operation/call.ts'
import type { Entry, Owner } from '../../../src/operation/directory.ts'
import type { Operation } from '../../../src/operation/operation.ts'
import type {
  DeliveryPort,
  OwnersPort,
  PolicyPort,
  PresencePort,
} from '../../../src/route/stages.ts'
import type { Account } from '../../../src/shares/account.ts'

type Visit = { readonly stage: string; readonly call: Call; readonly refusal?: Status | undefined }

/** Facts that are known at once, those that are waited for, and those that cannot be had. */
export class TestOwners implements OwnersPort {
  readonly facts = new Map<string, Owner>()
  readonly waiting: { readonly user: string; readonly then: (owner?: Owner) => undefined }[] = []
  /** No more may wait. */
  isFull = false
  /** What the directory says to `find`. */
  entry: Entry | undefined | Error = { keys: [] }

  known({ text }: { readonly text: string }): Owner | undefined {
    return this.facts.get(text)
  }

  wait(
    { text }: { readonly text: string },
    _payer: Account,
    then: (owner: Owner | undefined) => undefined,
  ): boolean {
    if (this.isFull) return false
    this.waiting.push({ user: text, then })
    return true
  }

  find(): Promise<Entry | undefined> {
    const { entry } = this
    return entry instanceof Error ? Promise.reject(entry) : Promise.resolve(entry)
  }

  /** The directory answers the first who waits. */
  tell(owner: Owner | undefined): undefined {
    const first = this.waiting.shift()
    if (first === undefined) throw new Error('nobody waits')
    return first.then(owner)
  }
}

export const user: Owner = { isUser: true, keys: [] }
export const nobody: Owner = { isUser: false, keys: [] }

/** A policy that lets everything pass, unless a test says with what it refuses. */
export class TestPolicy implements PolicyPort {
  readonly waitMs = 250
  refusal: Status | undefined
  /** What was asked of it, and for whom. */
  readonly asked: string[] = []

  admit(...[, { from, to, hops }, lane]: Parameters<PolicyPort['admit']>): Status | undefined {
    return this.#ask(`message ${from.text} ${to.text} ${hops} ${lane.recipient.text}`)
  }

  admitRequest(...[, asked]: Parameters<PolicyPort['admitRequest']>): Status | undefined {
    const { from, to, scope, hops } = asked
    return this.#ask(`${scope} ${from.text} ${to.text} ${hops}`)
  }

  admitOwn({ text }: Parameters<PolicyPort['admitOwn']>[0]): Status | undefined {
    return this.#ask(`own ${text}`)
  }

  admitDomain(...[domain, what]: Parameters<PolicyPort['admitDomain']>): Status | undefined {
    return this.#ask(`${what} ${domain}`)
  }

  isBarred(): boolean {
    return false
  }

  refusalOf({ isUser }: Owner): Status | undefined {
    return isUser ? undefined : 'refused'
  }

  #ask(what: string): Status | undefined {
    this.asked.push(what)
    return this.refusal
  }
}

/** Delivery and presence: every call that gets there. */
export function testStages() {
  const visits: Visit[] = []
  const visit =
    (stage: string) =>
    (call: Call<never> | Call, refusal?: Status): undefined => {
      visits.push({ stage, call: call as Call<Operation>, refusal })
    }
  const delivery: DeliveryPort = {
    inbound: { take: visit('inbound') },
    outbound: { take: visit('outbound') },
  }
  const presence: PresencePort = {
    publish: visit('publish'),
    fetch: visit('fetch'),
    fetchElsewhere: visit('fetchElsewhere'),
    subscribe: visit('subscribe'),
    unsubscribe: visit('unsubscribe'),
    watch: visit('watch'),
    unwatch: visit('unwatch'),
    renew: visit('renew'),
    notify: visit('notify'),
  }
  return { visits, delivery, presence, stages: () => visits.map(({ stage }) => stage) }
}
