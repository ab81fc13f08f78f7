/**
 * A core for tests of doors and adapters: writes down what it is told, and answers what the test says, when it says so.
 *
 * In:    what a door or an adapter asks and tells.
 * Out:   `heard`, a line a call in the order of the calls; the calls themselves, for answers that come later.
 */
import type { Address } from '../../src/address/address.ts'
import type { Domain } from '../../src/address/domain.ts'
import type { Status } from '../../src/errors.ts'
import { type Call, type Outcome, outcomeOf } from '../../src/operation/call.ts'
import type { Entry } from '../../src/operation/directory.ts'
import type { Operation } from '../../src/operation/operation.ts'
import type { Core, Reachability, UserSession } from '../../src/operation/ports.ts'

export class FakeCore implements Core {
  /** Every call: its kind and what it is about. Written at once, since a call is lent. */
  readonly heard: string[] = []
  readonly calls: Call[] = []
  /** `up` or `down` for a way, with what else is said of it. */
  readonly reached: string[] = []
  readonly refusals: string[] = []
  readonly sessions: UserSession[] = []
  /** Who was attached and is not any more. */
  readonly detached: UserSession[] = []
  readonly entries = new Map<string, Entry>()
  attachStatus: Status = 'ok'
  /** What a call is answered at once; nothing: it waits until `answer` or `answerAll`. */
  reply: (call: Call) => Outcome | undefined = () => undefined
  #open: { readonly what: string; readonly call: Call }[] = []

  receive(call: Call): undefined {
    const what = describe(call.operation)
    this.heard.push(what)
    this.calls.push(call)
    const outcome = this.reply(call)
    if (outcome === undefined) this.#open.push({ what, call })
    else call.answer(outcome)
  }

  /** Answers the oldest call that waits and whose line ends so. */
  answer(end: string, outcome: Outcome | Status): undefined {
    const found = this.#open.find(({ what }) => what.endsWith(end))
    if (found === undefined) throw new Error(`nothing waits that ends with ${end}`)
    this.#open = this.#open.filter((one) => one !== found)
    found.call.answer(typeof outcome === 'string' ? outcomeOf(outcome) : outcome)
  }

  /** Answers everything that waits, in its order. */
  answerAll(status: Status): undefined {
    const open = this.#open
    this.#open = []
    for (const { call } of open) call.answer(outcomeOf(status))
  }

  /** What was heard of one kind, without the kind. */
  heardOf(kind: Operation['kind']): readonly string[] {
    return this.heard.flatMap((line) =>
      line.startsWith(`${kind} `) ? [line.slice(kind.length + 1)] : [],
    )
  }

  waitOf(): number {
    return -1
  }

  standing(): 'open' {
    return 'open'
  }

  isUsed(): boolean {
    return false
  }

  async find(user: Address): Promise<Entry | undefined> {
    return this.entries.get(user.text)
  }

  async attach(session: UserSession): Promise<Status> {
    if (this.attachStatus === 'ok') this.sessions.push(session)
    return this.attachStatus
  }

  detach(session: UserSession): undefined {
    this.detached.push(session)
  }

  reachable(
    via: string,
    local: Domain,
    remote: Domain,
    { isUp, isNew, restMs }: Reachability,
  ): undefined {
    const more = `${isNew ? ' new' : ''}${restMs > 0 ? ` rest ${restMs}` : ''}`
    this.reached.push(`${via} ${local} ${remote} ${isUp ? 'up' : 'down'}${more}`)
  }

  refused(via: string, domain: Domain, subscription: string, outcome: Outcome): undefined {
    this.refusals.push(`${via} ${domain} ${subscription} ${outcome.status}`)
  }
}

/** Kind, and what tells it from others. */
function describe(operation: Operation): string {
  const { kind } = operation
  switch (kind) {
    case 'message': {
      const { from, to, buffer, bodyAt, end } = operation
      return `${kind} ${from.text} ${to.text} ${buffer.toString('latin1', bodyAt, end)}`
    }
    case 'notify': {
      const { subscription, notice } = operation
      return `${kind} ${subscription} ${notice.presence?.document.toString() ?? notice.state}`
    }
    case 'subscribe':
    case 'unsubscribe': {
      const { watcher, presentity, id } = operation
      return `${kind} ${watcher.text} ${presentity.text} ${id}`
    }
    case 'renew':
      return `${kind} ${operation.local} ${operation.remote} ${operation.ids.join()}`
    case 'fetch':
      return `${kind} ${operation.watcher.text} ${operation.presentity.text}`
    case 'publish':
      return `${kind} ${operation.presentity.text}`
    case 'issue':
      return `${kind} ${operation.user.text}`
  }
}
