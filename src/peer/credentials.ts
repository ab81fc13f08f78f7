/**
 * CREDENTIAL and FORGET: what the far side shows is judged, and kept by its number until one side gives it up.
 *
 * In:    requests of a proven peer.
 * Out:   the answer, and the numbers that requests refer to.
 * Fails: the code of the first check that fails; `bad-request` for another user under a number in use.
 * Spec:  [LINK-6.3-1] to [LINK-6.4-2]; draft §5.3.3
 */
import { readCredential } from '../command/credential.ts'
import { encodeForget, readForget } from '../command/forget.ts'
import { type CredentialToken, parseCredentialToken } from '../credential/token.ts'
import { type Refusal, refuse, type Verdict } from '../credential/verdict.ts'
import type { Verifier, Vouched } from '../credential/verify.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { RequestView } from '../link/link.ts'
import { type Refusable, refusableOf } from '../link/refusal.ts'
import { later, type Outcome, outcomeOf } from '../operation/call.ts'
import type { Journal } from '../operation/journal.ts'
import type { Grant } from './held-credentials.ts'
import { ownRequest } from './own-requests.ts'
import type { Session } from './session.ts'

/** One CREDENTIAL whose numbers have their places. */
type Showing = {
  readonly asked: Refusable
  /** Of the users of the token, in its order. */
  readonly numbers: readonly number[]
  readonly grant: Grant
}

export class Credentials {
  readonly #env: Env
  readonly #journal: Pick<Journal, 'note'>
  readonly #verifier: Verifier

  constructor(env: Env, journal: Pick<Journal, 'note'>, verifier: Verifier) {
    this.#env = env
    this.#journal = journal
    this.#verifier = verifier
  }

  /** [LINK-6.3-1] The users of a credential get their numbers; requests that name one wait while its key is fetched. */
  show(session: Session, request: RequestView): undefined {
    const { clock, limits, meter } = this.#env
    const asked = refusableOf(request)
    const read = readCredential(request)
    // [LINK-6.3-12] Fields, numbers and room come before the token, so that what is refused by them costs little.
    if (typeof read === 'string') return this.#deny(session, asked, refuse(read, 'fields'))
    const { numbers, isShared } = read
    if (numbers.length > limits.subjects) {
      meter.hit('subjects')
      return this.#deny(session, asked, refuse('bad-request', 'more users than HELLO says'))
    }
    const grant = session.held.place(numbers, request.id)
    if (typeof grant === 'string') {
      if (grant === 'limit-reached') meter.hit('references')
      if (grant === 'busy') meter.hit('credentials')
      return this.#deny(session, asked, refuse(grant, 'numbers'))
    }
    const token = parseCredentialToken(read.token, limits, isShared ? 'credentials' : 'credential')
    if (!token.ok) return this.#settle(session, { asked, numbers, grant }, token)
    const { iss, aud, subjects } = token.value.claims
    grant.named = session.ours(aud)
    grant.awaited = `${aud} ${iss}`
    const showing = { asked: { ...asked, named: aud }, numbers, grant }
    // [LINK-10.3-4]
    if (subjects.length !== numbers.length) {
      return this.#settle(session, showing, refuse('credential-format', 'a number for each user'))
    }
    // [LINK-6.3-8] Its pair may be the one whose proof is still being checked.
    if (session.claimsUnderWay > 0 && !session.isProven(aud, iss)) {
      const [first = 0] = numbers.filter((number) => number !== 0)
      session.held.wait(grant)
      // [LINK-6.3-14]
      const left = (code: Status) => session.held.refuse(grant, numbers, code)
      session.waiting.enter(request, first, clock.now(), grant.awaited, left)
      return
    }
    const verdict = this.#verify(session, token.value)
    if (!(verdict instanceof Promise)) return this.#settle(session, showing, verdict)
    // [LINK-6.3-13] A refresh does not stop what the credential before it allows.
    void verdict.then((late) => {
      this.#settle(session, showing, late)
      session.waiting.reopen()
    })
  }

  forget(session: Session, request: RequestView): undefined {
    const read = readForget(request)
    if (typeof read !== 'string') for (const number of read.numbers) session.held.forget(number)
    session.refuse(refusableOf(request), outcomeOf(typeof read === 'string' ? read : 'ok'))
  }

  #verify(session: Session, token: CredentialToken) {
    return this.#verifier.credential(token, {
      // [LINK-6.3-8]
      mayVouch: (iss) => session.speaksFor(iss),
      isAudience: (aud) => session.isServed(aud),
      isProven: (iss, aud) => session.isProven(aud, iss),
      presenterKey: undefined,
    })
  }

  #settle(session: Session, showing: Showing, verdict: Verdict<Vouched>): undefined {
    const { asked, numbers, grant } = showing
    const refusal = verdict.ok ? this.#accept(session, showing, verdict.value) : verdict
    if (refusal === undefined) {
      this.#count('ok')
      return session.refuse(asked, outcomeOf('ok'))
    }
    session.held.refuse(grant, numbers, refusal.code)
    this.#deny(session, asked, refusal)
  }

  #accept(
    session: Session,
    { numbers, grant }: Showing,
    { senders, claims }: Vouched,
  ): Refusal | undefined {
    const { aud, iss, scope, exp } = claims
    const pair = session.pair(aud, iss)
    // Its proof was what the verdict rests on.
    if (pair === undefined) return refuse('credential-binding', 'the pair is not proven any more')
    const expiresAt = (exp + this.#env.limits.clockSkewSeconds) * 1000
    // [LINK-6.3-4] A number keeps its issuer, subject and audience.
    return session.held.accept(grant, numbers, senders, {
      ...{ pair, scope, expiresAt },
      proofs: session,
    })
      ? undefined
      : refuse('bad-request', 'a number that stands for another user')
  }

  #deny(session: Session, asked: Refusable, { code, detail }: Refusal): undefined {
    const { clock, log } = this.#env
    this.#count(code)
    log.warn('credential.refused', { ...session.who, cause: code, detail })
    const [pair] = session.pairs
    if (pair !== undefined) {
      const { local, remote } = pair
      this.#journal.note({
        ...{ kind: 'credential', direction: 'in', local, remote, service: undefined },
        ...{ cause: code, detail },
      })
    }
    session.refuse(asked, refusedWith(code))
    // [LINK-8.1-1] The dear check was made for nothing.
    const isCostly = code === 'credential-signature'
    if (isCostly && !session.badSignatures.take(clock.now())) {
      session.link.break('flood', 'signatures')
    }
  }

  #count(result: Status): undefined {
    this.#env.meter.counter('credential_checks_total', { result }).n++
  }
}

/** [LINK-6.3-14] Without room, and above a rate, for a time: that long, in ms. */
const waitsMs: Partial<Record<Status, number>> = { busy: 10_000, 'rate-limited': 2000 }

/** What a credential that is refused with `code`, and whatever names it, is answered. */
export const refusedWith = (code: Status): Outcome => later(code, waitsMs[code] ?? -1)

/** [LINK-6.3-14] A CREDENTIAL that was refused before its token was read: what names its new numbers is refused alike. */
export function notShown({ held }: Session, request: RequestView, code: Status): undefined {
  const read = readCredential(request)
  if (typeof read !== 'string') held.notShown(read.numbers, code)
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
