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
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { RequestView } from '../link/link.ts'
import { refusableOf } from '../link/refusal.ts'
import { outcomeOf } from '../operation/call.ts'
import type { Held } from './held-credentials.ts'
import { ownRequest } from './own-requests.ts'
import type { Session } from './session.ts'

/** Answers the CREDENTIAL whose place is kept here. */
type Answer = (code: Status) => undefined

export class Credentials {
  readonly #env: Env
  readonly #verifier: Verifier
  readonly #spend: (session: Session, issuer: string) => boolean

  /** `spend`: one signature out of the budget of the issuer. */
  constructor(env: Env, verifier: Verifier, spend: (session: Session, issuer: string) => boolean) {
    this.#env = env
    this.#verifier = verifier
    this.#spend = spend
  }

  /** [LINK-6.3-1] A credential gets its number; requests that name it wait while its key is fetched. */
  show(session: Session, request: RequestView): undefined {
    const { held: table } = session
    const { reference } = request
    const token = this.#parse(request)
    const named = token.ok ? token.value.claims.aud : undefined
    const asked = { ...refusableOf(request), named }
    const answer: Answer = (code) => session.refuse(asked, outcomeOf(code))
    const held = table.place(reference)
    if (typeof held === 'string') return answer(held)
    held.named ??= named
    if (!token.ok) return this.#settle(session, held, token, answer)
    const { iss, aud } = token.value.claims
    held.pair = `${aud} ${iss}`
    // [LINK-6.3-8] Its pair may be the one whose proof is still being checked.
    if (session.claimsUnderWay > 0 && !session.isProven(aud, iss)) {
      return session.waiting.enter(request, reference, this.#env.clock.now(), held.pair)
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
    const read = readForget(request)
    if (typeof read !== 'string') for (const number of read.numbers) session.held.forget(number)
    session.refuse(refusableOf(request), outcomeOf(typeof read === 'string' ? read : 'ok'))
  }

  #parse(request: RequestView): Verdict<CredentialToken> {
    const read = readCredential(request)
    return typeof read === 'string'
      ? refuse(read, '')
      : parseCredentialToken(read.token, this.#env.limits)
  }

  #verify(session: Session, token: CredentialToken) {
    return this.#verifier.credential(
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
    this.#env.meter.counter('credential_checks_total', { result }).n++
    if (!verdict.ok) return this.#refuse(session, held, verdict, answer)
    // [LINK-6.3-4] A number keeps its issuer, subject and audience.
    const { sender, claims } = verdict.value
    if (!held.isSame(sender, claims.aud)) return answer('bad-request')
    held.accept({
      subject: sender,
      audience: claims.aud as Domain,
      pair: session.pair(claims.aud, claims.iss),
      proofs: session,
      scope: claims.scope,
      expiresAt: (claims.exp + this.#env.limits.clockSkewSeconds) * 1000,
    })
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
    if (isCostly && !session.badSignatures.take(this.#env.clock.now())) {
      session.link.break('flood', 'signatures')
    }
  }

  #tell(session: Session, cause: Status, detail: string): undefined {
    this.#env.log.warn('credential.refused', { ...session.who, cause, detail })
  }
}

/** Tells the far side which numbers of ours it may forget. */
export function askToForget({ link }: Session, numbers: readonly number[]): undefined {
  if (numbers.length === 0 || !link.isUsable) return
  link.ask(
    ownRequest(
      'forget',
      encodeForget(numbers),
      () => undefined,
      () => undefined,
    ),
  )
}
