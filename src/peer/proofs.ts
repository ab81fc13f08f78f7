/**
 * Who is at the far end of a link: claims of domains and of clients, judged; our own claims, made.
 *
 * In:    PROVE requests and their answers; certificates; keys as they become known.
 * Out:   `proven` and `refused` to the gateway; the answer to PROVE.
 * Fails: the code of the first check that fails; a temporary one while a key cannot be had.
 * Spec:  [LINK-5.4-1] to [LINK-5.4-8], [LINK-6.1-1]; draft §5.3.3
 */
import { type Address, readAddress } from '../address/address.ts'
import { type Domain, readDomain } from '../address/domain.ts'
import { encodeProve, type Prove, readProve } from '../command/prove.ts'
import type { LinkClaims } from '../credential/claims.ts'
import { importPublicKey, type PublicKey } from '../credential/ed25519.ts'
import { isPublishedTestKey } from '../credential/known-keys.ts'
import { parseCredentialToken, parseLinkToken } from '../credential/token.ts'
import { type Refusal, refuse, type Verdict } from '../credential/verdict.ts'
import type { Verifier } from '../credential/verify.ts'
import { isSuccess, isTemporary, type Status } from '../errors.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import type { Env } from '../lib/env.ts'
import type { RequestView } from '../link/link.ts'
import type { Outgoing } from '../link/outgoing.ts'
import { refusableOf } from '../link/refusal.ts'
import { outcomeOf } from '../operation/call.ts'
import { type Entry, standingOfKey } from '../operation/directory.ts'
import type { Core } from '../operation/ports.ts'
import type { Hosted } from './hosted.ts'
import { ownRequest } from './own-requests.ts'
import type { Pair, ProofKind } from './pair.ts'
import type { Session } from './session.ts'

/** Who is told what was found. */
export type ProofSteps = {
  readonly proven: (session: Session, pair: Pair) => undefined
  /** `userKey`: the key that the user showed. Rejects if the directory cannot say whether there is such a user. */
  readonly attached: (session: Session, user: Address, userKey: PublicKey) => Promise<Status>
  /** A claim of the far side. */
  readonly refused: (
    session: Session,
    code: Status,
    detail: string,
    claimed: Domain | undefined,
  ) => undefined
  /** A claim of ours: its local and its remote domain. */
  readonly claimAccepted: (local: Domain, remote: Domain) => undefined
  readonly claimRefused: (
    session: Session,
    claim: readonly [local: Domain, remote: Domain],
    code: Status,
    detail: string,
  ) => undefined
}

export type ProofPorts = {
  readonly core: () => Core
  readonly verifier: Verifier
  readonly hosted: Hosted
  /** Whether keys of the domain are pinned or were taken before; a stranger's fetch has a budget of its own. */
  readonly isKnown: (domain: Domain) => boolean
  readonly isPinned: (domain: Domain) => boolean
  /** False: too many fetches for strangers are under way. */
  readonly mayFetchFor: (session: Session, domain: Domain) => boolean
  /** One signature out of the budget for claims. */
  readonly spend: (session: Session) => boolean
  readonly steps: ProofSteps
}

/** What is needed to judge. */
type ProofNeeds = ProofPorts & { readonly env: Env }

export type Proofs = {
  /** A PROVE of the far side. */
  readonly judge: (session: Session, request: RequestView) => undefined
  /** Claims `local` towards `remote`, once. */
  readonly claim: (session: Session, local: Domain, remote: Domain) => undefined
}

export function createProofs(env: Env, ports: ProofPorts): Proofs {
  const needs: ProofNeeds = { ...ports, env }
  return {
    judge: (session, request) => judge(needs, session, request),
    claim: (session, local, remote) => claim(needs, session, local, remote),
  }
}

/** Answers the PROVE whose place is kept here. */
type Answer = (code: Status) => undefined

function judge(needs: ProofNeeds, session: Session, request: RequestView): undefined {
  const { link } = session
  const asked = refusableOf(request)
  const answer: Answer = (code) => session.refuse(asked, outcomeOf(code))
  // [LINK-6.1-2]
  if (!link.mayClaim()) return answer('rate-limited')
  const prove = readProve(request)
  if (typeof prove === 'string') return answer(prove)
  const { binding } = link
  if (binding === undefined) return answer('proof-pending')
  const channel = encodeBase64url(binding)
  if (session.role === 'client') judgeClient(needs, session, prove, channel, answer)
  else judgeDomain(needs, session, prove, channel, answer)
}

function judgeDomain(
  needs: ProofNeeds,
  session: Session,
  prove: Prove,
  channel: string,
  answer: Answer,
): undefined {
  const token = parseLinkToken(prove.token, needs.env.limits)
  const claimed = token.ok ? readDomain(token.value.claims.iss) : undefined
  const finish = (verdict: Verdict<unknown>, pair?: readonly [Domain, Domain]): undefined => {
    count(needs, 'key', verdict.ok ? 'ok' : verdict.code)
    if (!verdict.ok || pair === undefined) {
      const { code, detail } = verdict.ok ? refuse('bad-request', '') : verdict
      answer(code)
      deny(session, code)
      if (token.ok && contradicts(session, token.value.claims, code)) {
        session.link.release('domain-not-proven')
      }
      return needs.steps.refused(session, code, detail, claimed)
    }
    answer('ok')
    const [local, remote] = pair
    const kid = token.ok ? token.value.header.kid : ''
    const kind: ProofKind = needs.isPinned(remote) ? 'pinned' : 'key'
    needs.steps.proven(session, { local, remote, kinds: new Set([kind]), kid })
  }
  if (!token.ok) return finish(token)
  const { iss, aud } = token.value.claims
  const remote = readDomain(iss)
  const local = readDomain(aud)
  if (remote === undefined || remote !== iss) {
    return finish(refuse('credential-issuer', 'iss is not a canonical domain'))
  }
  // [LINK-5.4-5] Nobody speaks for a domain of ours but we.
  if (needs.hosted.has(remote))
    return finish(refuse('credential-issuer', 'iss is a domain of ours'))
  if (local === undefined || !needs.hosted.has(local)) {
    return finish(refuse('credential-audience', 'aud is not a domain of ours'))
  }
  // Domain rules come before any key is looked up.
  const barred = barredBy(needs, remote)
  if (barred !== undefined) return finish(barred)
  // [LINK-3.1-6] Plain TCP shows no certificate, and whoever is in between reads and writes.
  if (session.link.channel.facts.binding === undefined && !needs.isPinned(remote)) {
    return finish(refuse('credential-key', 'on plain TCP only a pinned key proves a domain'))
  }
  if (!session.hasRoom(local, remote)) return finish(refuse('limit-reached', 'pairs of one link'))
  const verdict = needs.verifier.link(
    token.value,
    {
      mayClaim: (iss) => iss === remote,
      isAudience: (aud) => aud === local,
      channel,
      keys: session.dialled?.needsKnownKey ? 'seen' : 'any',
      mayFetch: () => needs.isKnown(remote) || needs.mayFetchFor(session, remote),
    },
    () => needs.spend(session),
  )
  // [LINK-6.1-3] While the key is fetched the claim has no answer.
  if (!(verdict instanceof Promise)) return finish(verdict, [local, remote])
  if (session.standing !== 'proven') session.standing = 'pending'
  session.claimsUnderWay++
  void verdict.then((late) => {
    session.claimsUnderWay--
    // The rules may have changed while the key was fetched.
    finish(barredBy(needs, remote) ?? late, [local, remote])
  })
}

const barredBy = ({ core }: ProofNeeds, remote: Domain): Refusal | undefined =>
  core().standing(remote) === 'barred' ? refuse('domain-refused', 'domain rules') : undefined

/** [LINK-5.4-11] A refusal takes nothing away that was proven, and waits for claims that are still under way. */
function deny(session: Session, code: Status): undefined {
  if (session.standing === 'proven') return
  session.standing = session.claimsUnderWay > 0 ? 'pending' : 'refused'
  session.refusal = code
}

/** [LINK-5.4-10] The certificate says that this is the domain, and its keys say that it is not. */
const contradicts = ({ dialled }: Session, { iss, aud }: LinkClaims, code: Status): boolean =>
  dialled?.remote === iss && dialled.local === aud && !isTemporary(code)

/** A client: `iss` is its address, the key is its own, known by the directory or by a credential of its domain. */
function judgeClient(
  needs: ProofNeeds,
  session: Session,
  prove: Prove,
  channel: string,
  answer: Answer,
): undefined {
  const finish = (code: Status, detail: string): undefined => {
    count(needs, 'client', code)
    answer(code)
    if (isSuccess(code)) return
    deny(session, code)
    needs.steps.refused(session, code, detail, undefined)
  }
  const token = parseLinkToken(prove.token, needs.env.limits)
  if (!token.ok) return finish(token.code, token.detail)
  const user = readAddress(token.value.claims.iss)
  if (user === undefined || !needs.hosted.has(user.domain)) {
    return finish('credential-issuer', 'iss is not an address of ours')
  }
  const key =
    prove.publicKey === undefined ? undefined : importPublicKey(encodeBase64url(prove.publicKey))
  // [LINK-10.6-2]
  if (key === undefined || isPublishedTestKey(key)) {
    return finish('credential-key', 'no usable key')
  }
  const held: Verdict<LinkClaims> = needs.verifier.holder(
    token.value,
    {
      mayClaim: (iss) => iss === user.text,
      isAudience: (aud) => aud === user.domain,
      channel,
      key,
    },
    () => needs.spend(session),
  )
  if (!held.ok) return finish(held.code, held.detail)
  if (session.user !== undefined || session.isAttaching) {
    return finish('protocol-state', 'a user is attached')
  }
  session.isAttaching = true
  if (session.standing !== 'proven') session.standing = 'pending'
  session.claimsUnderWay++
  void attach(needs, session, prove, user, key).then(([code, detail]) => {
    session.isAttaching = false
    session.claimsUnderWay--
    finish(code, detail)
    if (isSuccess(code)) session.waiting.reopen()
  })
}

type Found = readonly [code: Status, detail: string]

/** What the directory says of the key decides; while it cannot say, nobody attaches. */
async function attach(
  needs: ProofNeeds,
  session: Session,
  prove: Prove,
  user: Address,
  key: PublicKey,
): Promise<Found> {
  try {
    const entry = await needs.core().find(user)
    const refusal = refusalOf(needs, session, prove, user, key, entry)
    return refusal ?? [await needs.steps.attached(session, user, key), 'attach']
  } catch (error) {
    return ['busy', `directory: ${error instanceof Error ? error.message : String(error)}`]
  }
}

function refusalOf(
  needs: ProofNeeds,
  session: Session,
  prove: Prove,
  user: Address,
  key: PublicKey,
  entry: Entry | undefined,
): Found | undefined {
  if (entry === undefined) return ['refused', 'no such user']
  const standing = standingOfKey(entry, key.x)
  if (standing === 'not-listed') return ['credential-key', 'other keys are listed']
  if (standing === 'listed') return undefined
  const named = checkNaming(needs, session, prove, user, key)
  return named.ok ? undefined : [named.code, named.detail]
}

/** [LINK-5.4-7] The credential of the client's own domain that names its key. */
function checkNaming(
  needs: ProofNeeds,
  session: Session,
  prove: Prove,
  user: Address,
  key: PublicKey,
): Verdict<unknown> {
  if (prove.userCredential === undefined) {
    return refuse('credential-missing', 'no key is listed and no credential names this one')
  }
  const named = parseCredentialToken(prove.userCredential, needs.env.limits)
  if (!named.ok) return named
  if (named.value.claims.sub !== user.text || named.value.claims.jkt === undefined) {
    return refuse('credential-subject', 'the credential is not about this user and key')
  }
  const verdict = needs.verifier.credential(
    named.value,
    {
      mayVouch: (iss) => iss === user.domain,
      isAudience: (aud) => aud === user.domain,
      isProven: () => false,
      presenterKey: key.thumbprint,
    },
    () => needs.spend(session),
  )
  // Our own keys are at hand; a promise means that they are not.
  return verdict instanceof Promise ? refuse('credential-unverifiable', 'own keys') : verdict
}

function claim(needs: ProofNeeds, session: Session, local: Domain, remote: Domain): undefined {
  const name = `${local} ${remote}`
  const { link } = session
  const { binding } = link
  // On a plain channel the binding comes with the far side's HELLO; the gateway claims again then.
  if (binding === undefined || session.claimed.has(name)) return
  session.claimed.add(name)
  const bytes = encodeProve(assertion(needs, local, remote, binding))
  link.ask(
    proveRequest(bytes, (code, detail) => {
      if (isSuccess(code)) needs.steps.claimAccepted(local, remote)
      else needs.steps.claimRefused(session, [local, remote], code, detail)
    }),
  )
}

/** The assertion of a domain of ours for this channel. */
const assertion = (
  { hosted }: ProofNeeds,
  local: Domain,
  remote: Domain,
  binding: Buffer,
): string => hosted.signer(local).signLink({ aud: remote, cb: encodeBase64url(binding) })

function count({ env }: ProofNeeds, proof: 'key' | 'client', result: Status): undefined {
  env.meter.counter('proof_checks_total', { proof, result }).n++
}

/** A PROVE on its way out. */
export const proveRequest = (
  bytes: Buffer,
  done: (code: Status, detail: string) => undefined,
): Outgoing =>
  ownRequest(
    'prove',
    bytes,
    (answer) => done(answer.status, 'answer to PROVE'),
    (code) => done(code, 'PROVE'),
  )
