import { type Domain, readDomain } from '../address/domain.ts'
import { encodeProve, type Prove, readProve } from '../command/prove.ts'
import type { LinkClaims } from '../credential/claims.ts'
import { parseLinkToken } from '../credential/token.ts'
import { type Refusal, refuse, type Verdict } from '../credential/verdict.ts'
import type { Spoken } from '../credential/verify.ts'
import type { Env } from '../env.ts'
import { isSuccess, isTemporary, type Status } from '../errors.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import { printableLine } from '../lib/printable.ts'
import type { RequestView } from '../link/link.ts'
import type { Outgoing } from '../link/outgoing.ts'
import { refusableOf } from '../link/refusal.ts'
import { outcomeOf } from '../operation/call.ts'
import type { FieldTable } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import { judgeClient } from './client-proofs.ts'
import { ownRequest } from './own-requests.ts'
import type { ProofKind } from './pair.ts'
import { type Answer, count, markRefused, type ProofNeeds, type ProofPorts } from './proof-ports.ts'
import type { Session } from './session.ts'

export type Proofs = {
  /** A PROVE of the far side. */
  readonly judge: (session: Session, request: RequestView) => undefined
  /** Claims `local` towards `remote`, once. */
  readonly claim: (session: Session, local: Domain, remote: Domain) => undefined
  /** Claims it again, for who wants to know: nothing follows from the answer. */
  readonly ask: (session: Session, local: Domain, remote: Domain, done: Said) => undefined
}

/** What the far side said of a claim of ours. */
type Said = (code: Status, detail: string) => undefined

export function createProofs(env: Env, ports: ProofPorts): Proofs {
  const needs: ProofNeeds = { ...ports, env }
  return {
    judge: (session, request) => judge(needs, session, request),
    claim: (session, local, remote) => claim(needs, session, local, remote),
    ask: (session, local, remote, done) => ask(needs, session, [local, remote], done),
  }
}

function judge(needs: ProofNeeds, session: Session, request: RequestView): undefined {
  const { link } = session
  const asked = refusableOf(request)
  const answer: Answer = (code, named, text) =>
    session.refuse({ ...asked, named, text }, outcomeOf(code))
  // [LINK-6.1-2] Not read: what is too much costs nothing.
  if (!link.mayClaim()) return answer('rate-limited')
  // [LINK-6.1-4] Anybody may name any domain: what it costs is on the account of where it comes from.
  const { shares } = needs.env
  const isOver = session.role === 'gateway' && shares.isOver(link.payer.account, 'time')
  if (isOver && session.standing !== 'silent') return answer('rate-limited')
  const prove = readProve(request)
  if (typeof prove === 'string') return answer(prove)
  // [LINK-6.1-1] Of a client the key is required.
  if (session.role === 'client' && prove.publicKey === undefined) return answer('bad-request')
  const { binding } = link
  if (binding === undefined) return answer('proof-pending')
  const channel = encodeBase64url(binding)
  if (session.role === 'client') judgeClient(needs, session, prove, channel, answer)
  else judgeDomain(needs, session, prove, channel, isOver, answer)
}

/** `isOver`: too much comes from its network, and only those who are known are let in. */
function judgeDomain(
  needs: ProofNeeds,
  session: Session,
  prove: Prove,
  channel: string,
  isOver: boolean,
  answer: Answer,
): undefined {
  const token = parseLinkToken(prove.token, needs.env.limits)
  const claimed = token.ok ? readDomain(token.value.claims.iss) : undefined
  const named = token.ok ? token.value.claims.aud : undefined
  const finish = (verdict: Verdict<Spoken>, pair?: readonly [Domain, Domain]): undefined => {
    count(needs, 'key', verdict.ok ? 'ok' : verdict.code)
    if (!verdict.ok || pair === undefined) {
      const { code, detail } = verdict.ok ? refuse('bad-request', '') : verdict
      // [LINK-6.1-5]
      answer(code, named, code === 'credential-unverifiable' ? undefined : detail)
      markRefused(session, code)
      if (token.ok && contradicts(session, token.value.claims, code)) {
        session.link.release('domain-not-proven')
      }
      return needs.steps.refused(session, code, detail, claimed)
    }
    answer('ok', named)
    const [local, remote] = pair
    const kind: ProofKind = needs.isPinned(remote) ? 'pinned' : 'key'
    needs.steps.proven(session, {
      local,
      remote,
      kinds: new Set([kind]),
      key: verdict.value.key.thumbprint,
    })
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
  // [LINK-6.1-4] The first claim of a link alone: its signature costs a tenth of the handshake before it.
  if (isOver && !needs.env.shares.isKnown(remote)) {
    return finish(refuse('rate-limited', 'too much comes from its network'))
  }
  // [LINK-3.1-6] Plain TCP shows no certificate, and whoever is in between reads and writes.
  if (session.link.channel.facts.binding === undefined && !needs.isPinned(remote)) {
    return finish(refuse('credential-key', 'on plain TCP only a pinned key proves a domain'))
  }
  if (!session.hasRoom(local, remote)) return finish(refuse('limit-reached', 'pairs of one link'))
  const verdict = needs.verifier.link(token.value, {
    mayClaim: (iss) => iss === remote,
    isAudience: (aud) => aud === local,
    channel,
    keys: session.dialled?.needsKnownKey ? 'seen' : 'any',
    inTurn: (fetch) => (needs.isKnown(remote) ? fetch() : needs.inTurn(session, remote, fetch)),
  })
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

/** [LINK-5.4-10] The certificate says that this is the domain, and its keys say that it is not. */
const contradicts = ({ dialled }: Session, { iss, aud }: LinkClaims, code: Status): boolean =>
  dialled?.remote === iss && dialled.local === aud && !isTemporary(code)

function claim(needs: ProofNeeds, session: Session, local: Domain, remote: Domain): undefined {
  const name = `${local} ${remote}`
  // On a plain channel the binding comes with the far side's HELLO; the gateway claims again then.
  if (session.link.binding === undefined || session.claimed.has(name)) return
  session.claimed.add(name)
  ask(needs, session, [local, remote], (code, detail) => {
    if (isSuccess(code)) needs.steps.claimAccepted(session, local, remote)
    else needs.steps.claimRefused(session, [local, remote], code, detail)
  })
}

function ask(
  needs: ProofNeeds,
  { link }: Session,
  [local, remote]: readonly [Domain, Domain],
  done: Said,
): undefined {
  const { binding } = link
  if (binding === undefined) return done('proof-pending', 'the far side said no HELLO yet')
  link.ask(proveRequest(encodeProve(assertion(needs, local, remote, binding)), done))
}

/** The assertion of a domain of ours for this channel. */
const assertion = (
  { hosted }: ProofNeeds,
  local: Domain,
  remote: Domain,
  binding: Buffer,
): string => hosted.signer(local).signLink({ aud: remote, cb: encodeBase64url(binding) })

/** A PROVE on its way out. */
export const proveRequest = (bytes: Buffer, done: Said): Outgoing =>
  ownRequest(
    'prove',
    bytes,
    ({ status, fields: table }) => done(status, saidIn(table) ?? 'answer to PROVE'),
    (code) => done(code, 'PROVE'),
  )

/** What the far side wrote for our log. */
function saidIn(table: FieldTable): string | undefined {
  const text = table.bytes(fields.text.tag)?.toString()
  return text === undefined ? undefined : `they say: ${printableLine(text.slice(0, mostSaid))}`
}

const mostSaid = 200
