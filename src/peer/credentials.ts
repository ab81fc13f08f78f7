/**
 * CREDENTIAL and FORGET: what the far side shows is judged, and kept by its number until one side gives it up.
 *
 * In:    requests of a proven peer.
 * Out:   the answer, and the state of the number that requests refer to.
 * Fails: the code of the first check that fails; `bad-request` for another credential under a number in use.
 * Spec:  [LINK-6.3-1] to [LINK-6.4-2]; draft §5.3.3
 */
import type { Domain } from '../address/domain.ts'
import { readCredential } from '../command/credential.ts'
import { encodeForget, readForget } from '../command/forget.ts'
import type { CredentialToken } from '../credential/token.ts'
import { parseCredentialToken } from '../credential/token.ts'
import { type Refusal, refuse, type Verdict } from '../credential/verdict.ts'
import type { Verifier, Vouched } from '../credential/verify.ts'
import type { Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { RequestView } from '../link/link.ts'
import { commands } from '../wire/registry.ts'
import { controlRequest } from './control-request.ts'
import type { Held } from './held-credentials.ts'
import type { Session } from './session.ts'

export type CredentialNeeds = {
  readonly verifier: Verifier
  readonly clock: Clock
  readonly limits: Limits
  readonly meter: Meter
  readonly log: Log
}

/** Answers the CREDENTIAL whose place is kept here. */
type Answer = (code: Status) => undefined

export class Credentials {
  readonly #needs: CredentialNeeds
  readonly #spend: (session: Session, issuer: string) => boolean

  /** `spend`: one signature out of the budget of the issuer. */
  constructor(needs: CredentialNeeds, spend: (session: Session, issuer: string) => boolean) {
    this.#needs = needs
    this.#spend = spend
  }

  /** [LINK-6.3-1] A credential gets its number; requests that name it wait while its key is fetched. */
  show(session: Session, request: RequestView): undefined {
    const { link, held: table } = session
    const { id, trafficClass, command, reference } = request
    const answer: Answer = (code) => link.answer(id, trafficClass, command, code)
    const read = readCredential(request)
    const held = table.place(reference)
    if (typeof held === 'string') return answer(held)
    if (typeof read === 'string') return this.#settle(session, held, refuse(read, ''), answer)
    const token = parseCredentialToken(read.token, this.#needs.limits)
    if (!token.ok) return this.#settle(session, held, token, answer)
    const { iss, aud } = token.value.claims
    // [LINK-6.3-8] Its pair may be the one whose proof is still being checked.
    if (session.claimsUnderWay > 0 && !session.isProven(aud, iss)) {
      return session.waiting.enter(request, reference, this.#needs.clock.now())
    }
    const verdict = this.#verify(session, token.value)
    if (!(verdict instanceof Promise)) return this.#settle(session, held, verdict, answer)
    // A refresh does not stop what the credential before it allows.
    if (held.state !== 'good') held.state = 'waiting'
    void verdict.then((late) => {
      this.#settle(session, held, late, answer)
      if (late.ok) session.waiting.reopen()
      else session.waiting.refuse(reference, late.code)
    })
  }

  forget(session: Session, request: RequestView): undefined {
    const { id, trafficClass, command } = request
    const read = readForget(request)
    if (typeof read !== 'string') for (const number of read.numbers) session.held.forget(number)
    session.link.answer(id, trafficClass, command, typeof read === 'string' ? read : 'ok')
  }

  #verify(session: Session, token: CredentialToken) {
    return this.#needs.verifier.credential(
      token,
      {
        // [LINK-6.3-8]
        mayVouch: (iss) => session.speaksFor(iss),
        isAudience: (aud) => session.isServed(aud),
        isProven: (iss, aud) => session.isProven(aud, iss),
        presenterKey: undefined,
      },
      () => this.#spend(session, token.claims.iss),
    )
  }

  #settle(session: Session, held: Held, verdict: Verdict<Vouched>, answer: Answer): undefined {
    const result = verdict.ok ? 'ok' : verdict.code
    this.#needs.meter.counter('credential_checks_total', { result }).n++
    if (!verdict.ok) return this.#refuse(session, held, verdict, answer)
    // [LINK-6.3-4] A number keeps its issuer, subject and audience.
    if (!isRefresh(held, verdict.value)) return answer('bad-request')
    const { sender, claims } = verdict.value
    held.state = 'good'
    held.subject = sender
    held.audience = claims.aud as Domain
    held.pair = session.pair(claims.aud, claims.iss)
    held.scope = claims.scope
    held.expiresAt = (claims.exp + this.#needs.limits.clockSkewSeconds) * 1000
    answer('ok')
  }

  #refuse(session: Session, held: Held, { code, detail }: Refusal, answer: Answer): undefined {
    // A refresh that fails takes nothing away.
    if (held.state !== 'good') {
      held.state = 'refused'
      held.code = code
    }
    this.#tell(session, code, detail)
    answer(code)
    // [LINK-8.1-1] The dear check was made for nothing.
    const isCostly = code === 'credential-signature'
    if (isCostly && !session.badSignatures.take(this.#needs.clock.now())) {
      session.link.break('flood', 'signatures')
    }
  }

  #tell(session: Session, cause: Status, detail: string): undefined {
    const { clock, log } = this.#needs
    const more = session.line(clock.now())
    if (more === undefined) return
    const [pair] = session.pairs
    const peer = session.link.channel.facts.remote
    log.warn('credential.refused', { remote: pair?.remote, peer, cause, detail, more })
  }
}

const isRefresh = (held: Held, { sender, claims }: Vouched): boolean =>
  held.subject === undefined || (held.subject.text === sender.text && held.audience === claims.aud)

/** Tells the far side which numbers of ours it may forget. */
export function askToForget({ link }: Session, numbers: readonly number[]): undefined {
  if (numbers.length === 0 || !link.isUsable) return
  link.ask(
    controlRequest(
      commands.forget.number,
      encodeForget(numbers),
      0,
      () => undefined,
      () => undefined,
    ),
  )
}
