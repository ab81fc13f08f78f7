/**
 * The dispatch of commands: who is at the far end of a link, and whether it may ask; then the row of `command-table.ts`.
 *
 * In:    requests of a link.
 * Out:   calls to the core; what is about the link itself goes to the rooms of this stage. Nothing before the proof of
 *        the domain, the number of the credential, its verdict and its expiry, in this order.
 * Fails: one code for each check, in the fixed order.
 * Spec:  [LINK-4.2-4], [LINK-5.4-1] to [LINK-5.4-8], [LINK-6.1-1] to [LINK-6.5-5]
 */

import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { Counter } from '../lib/meter.ts'
import type { RequestView } from '../link/link.ts'
import { refusableOf } from '../link/refusal.ts'
import { later, type Outcome, outcomeOf } from '../operation/call.ts'
import type { Core } from '../operation/ports.ts'
import { commandOf, commands, travelling } from '../wire/registry.ts'
import type { CommandRow, CommandTable } from './command-table.ts'
import { notShown, refusedWith } from './credentials.ts'
import type { Held } from './held-credentials.ts'
import type { Session } from './session.ts'

/** `held`: the credential that the request refers to; it is good. */
export type Take = (session: Session, request: RequestView, held: Held | undefined) => undefined

export class Commands {
  readonly #env: Env
  readonly #core: () => Core
  readonly #rows: readonly (CommandRow | undefined)[]
  readonly #references: Counter

  constructor(env: Env, core: () => Core, table: CommandTable) {
    this.#env = env
    this.#core = core
    this.#rows = Array.from({ length: 256 }, (_, number) => {
      const name = commandOf(number)
      return name === undefined ? undefined : table[name]
    })
    this.#references = env.meter.counter('credential_references_total', {})
  }

  take(session: Session, request: RequestView): undefined {
    const { command, reference } = request
    const row = this.#rows[command]
    if (this.#env.shares.isScarce('time') && this.#givesWay(session, request))
      return turnAway(session, request, overloaded)
    if (session.standing !== 'proven' && row?.from !== 'anybody') {
      // [LINK-5.4-4] Behind a claim that is not judged yet, requests wait unparsed.
      if (session.standing === 'refused') return deny(session, request, session.refusal)
      session.waiting.enter(request, 0, this.#env.clock.now())
      return
    }
    // [LINK-4.1-5] What travels on is judged by its last receiver.
    if (request.fields.unknownEndToEnd !== 0 && row !== undefined && !travelling.has(command)) {
      return deny(session, request, 'feature-required')
    }
    if (row?.from === 'anybody') return row.take(session, request, undefined)
    if (session.role === 'client') return this.#pass(session, request, undefined)
    if (row?.counts === 'link') return row.take(session, request, undefined)
    // [LINK-6.3-9] CREDENTIAL gives the number that others refer to, and counts as they do. [LINK-4.2-4]
    if (reference === 0 || row === undefined || command === commands.credential.number)
      return this.#ofDomain(session, request, undefined)
    this.#referred(session, request)
  }

  /**
   * [LINK-6.5-1] Of any kind, and before its grammar: what is refused, too, costs us time. Of a domain those give way
   * who ask for most; a domain does where they are not told apart. Credit is kept back long before that. [LINK-6.1-4] The
   * first claim of a link says whether it is of a domain that is known.
   */
  #givesWay(session: Session, { command, reference }: RequestView): boolean {
    const { shares } = this.#env
    if (session.standing === 'silent' && command === commands.prove.number) return false
    const held = session.role === 'gateway' ? session.held.get(reference) : undefined
    if (held?.grant.state !== 'good') return shares.isFlood(session.link.payer.account)
    const domain = session.accountOf(held.domain)
    return shares.isFloodOf(domain, held.user.text) ?? shares.isFlood(domain)
  }

  /** A request that refers to a credential. */
  #referred(session: Session, request: RequestView): undefined {
    const { reference } = request
    const held = session.held.get(reference)
    if (held === undefined) {
      // [LINK-6.3-14]
      const code = session.held.refusal(reference)?.code ?? 'credential-ref-unknown'
      return session.refuse(refusableOf(request), refusedWith(code))
    }
    const { state, expiresAt } = held.grant
    if (state === 'good') {
      // [LINK-6.3-6] Expiry is judged at each use.
      if (expiresAt <= this.#env.clock.wall()) return deny(session, request, 'credential-expired')
      this.#references.n++
      return this.#ofDomain(session, request, held)
    }
    if (state === 'dropped') return deny(session, request, 'credential-ref-unknown')
    // [LINK-6.3-13]
    session.waiting.enter(request, reference, this.#env.clock.now(), held.grant.awaited)
  }

  /** [LINK-6.5-1] What a peer asks counts before it is read: what is malformed, too, costs us time. */
  #ofDomain(session: Session, request: RequestView, held: Held | undefined): undefined {
    const row = this.#rows[request.command]
    if (row?.counts !== 'named') {
      const domain = held?.domain ?? firstOf(session)
      const code = domain === undefined ? undefined : this.#rate(session, request, domain)
      if (code !== undefined) return turnAway(session, request, code)
    }
    this.#pass(session, request, held)
  }

  /** From here on the time is that of `domain`. A domain that our users know has its share and no rate. */
  #rate(session: Session, { at }: RequestView, domain: string): Outcome | undefined {
    const { shares } = this.#env
    const account = session.accountOf(domain)
    shares.turns.switchTo(account)
    if (account.parent === shares.tree.known) return undefined
    const waitMs = this.#core().waitOf(domain, 'request', at)
    return waitMs >= 0 ? later('rate-limited', waitMs) : undefined
  }

  /** [LINK-4.2-4] To whoever takes it, if this far end may send it. */
  #pass(session: Session, request: RequestView, held: Held | undefined): undefined {
    const row = this.#rows[request.command]
    if (row === undefined) return deny(session, request, 'unknown-command')
    const isMeant = row.from === 'both' || row.from === session.role
    return isMeant ? row.take(session, request, held) : deny(session, request, row.otherwise)
  }
}

/** Until the share of a flood is worth a look again. */
const overloadMs = 2000
const overloaded = later('rate-limited', overloadMs)

/** Refused for a time, before it is read. */
function turnAway(session: Session, request: RequestView, outcome: Outcome): undefined {
  if (request.command === commands.credential.number) notShown(session, request, outcome.status)
  session.refuse(refusableOf(request), outcome)
}

const firstOf = ({ pairs }: Session): string | undefined => {
  for (const { remote } of pairs) return remote
  return undefined
}

/** The answer to a request that is no call. */
export const deny = (session: Session, request: RequestView, code: Status): undefined =>
  session.refuse(refusableOf(request), outcomeOf(code))
