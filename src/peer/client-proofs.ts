/**
 * A client that wants to attach: whether it is the user that it says, judged by what the directory of the user's domain
 * says of its key, or by a credential that names it.
 *
 * In:    PROVE of a client.
 * Out:   the attachment, and the answer to PROVE.
 * Fails: the code of the first check; `credential-key`, `refused` (a good credential of a user who is gone),
 *        `limit-reached` (also where somebody is attached already); `busy` while the directory cannot say.
 * Spec:  [LINK-5.4-6], [LINK-5.4-7], [LINK-5.4-13], [LINK-10.6-2]
 */
import { type Address, readAddress } from '../address/address.ts'
import type { Prove } from '../command/prove.ts'
import type { LinkClaims } from '../credential/claims.ts'
import { importPublicKey, type PublicKey } from '../credential/ed25519.ts'
import { isPublishedTestKey } from '../credential/known-keys.ts'
import { parseCredentialToken, parseLinkToken } from '../credential/token.ts'
import { refuse, type Verdict } from '../credential/verdict.ts'
import { isSuccess, type Status } from '../errors.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import { type Entry, type KeyStanding, standingOfKey } from '../operation/directory.ts'
import { type Answer, count, markRefused, type ProofNeeds } from './proof-ports.ts'
import type { Session } from './session.ts'

/** A client: `iss` is its address, the key is its own, known by the directory or by a credential of its domain. */
export function judgeClient(
  needs: ProofNeeds,
  session: Session,
  prove: Prove,
  channel: string,
  answer: Answer,
): undefined {
  const token = parseLinkToken(prove.token, needs.env.limits)
  const named = token.ok ? token.value.claims.aud : undefined
  const user = token.ok ? readAddress(token.value.claims.iss) : undefined
  const finish = (code: Status, detail: string): undefined => {
    count(needs, 'client', code)
    answer(code, named)
    if (isSuccess(code)) return
    markRefused(session, code)
    needs.steps.notAttached(session, code, detail, user?.domain)
  }
  if (!token.ok) return finish(token.code, token.detail)
  if (user === undefined || !needs.hosted.has(user.domain)) {
    return finish('credential-issuer', 'iss is not an address of ours')
  }
  const key =
    prove.publicKey === undefined ? undefined : importPublicKey(encodeBase64url(prove.publicKey))
  // [LINK-10.6-2]
  if (key === undefined || isPublishedTestKey(key)) {
    return finish('credential-key', 'no usable key')
  }
  const held: Verdict<LinkClaims> = needs.verifier.holder(token.value, {
    mayClaim: (iss) => iss === user.text,
    isAudience: (aud) => aud === user.domain,
    channel,
    key,
  })
  if (!held.ok) return finish(held.code, held.detail)
  if (session.user !== undefined || session.isAttaching) {
    return finish('limit-reached', 'a user is attached')
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

/**
 * What the directory says of the key decides; while it cannot say, nobody attaches. [LINK-5.4-13] The credential is
 * judged before the directory is asked, so that its code does not depend on what the directory says.
 */
async function attach(
  needs: ProofNeeds,
  session: Session,
  prove: Prove,
  user: Address,
  key: PublicKey,
): Promise<Found> {
  try {
    const naming = checkNaming(needs, prove, user, key)
    const refusal = refusalOf(await needs.core().find(user), key, naming)
    return refusal ?? [await needs.steps.attached(session, user, key), 'attach']
  } catch (error) {
    return ['busy', `directory: ${error instanceof Error ? error.message : String(error)}`]
  }
}

/** [LINK-5.4-13] Who has neither a listed key nor a good credential learns nothing: the log alone is told why. */
function refusalOf(
  entry: Entry | undefined,
  key: PublicKey,
  naming: Verdict<unknown>,
): Found | undefined {
  const standing = entry === undefined ? 'nobody' : standingOfKey(entry, key.x)
  if (standing === 'listed' || (standing === 'none-listed' && naming.ok)) return undefined
  if (!naming.ok) return [naming.code, `${reasons[standing]}; ${naming.detail}`]
  return [standing === 'nobody' ? 'refused' : 'credential-key', reasons[standing]]
}

const reasons: Readonly<Record<'nobody' | Exclude<KeyStanding, 'listed'>, string>> = {
  nobody: 'no such user',
  'not-listed': 'other keys are listed',
  'none-listed': 'no key is listed',
}

/** [LINK-5.4-7] The credential of the client's own domain that names its key. */
function checkNaming(
  needs: ProofNeeds,
  prove: Prove,
  user: Address,
  key: PublicKey,
): Verdict<unknown> {
  if (prove.userCredential === undefined) {
    return refuse('credential-key', 'no credential names the key')
  }
  // [LINK-10.3-5] One user's alone.
  const named = parseCredentialToken(prove.userCredential, needs.env.limits, 'credential')
  if (!named.ok) return named
  const { subjects, jkt } = named.value.claims
  if (subjects[0] !== user.text || jkt === undefined) {
    return refuse('credential-subject', 'the credential is not about this user and key')
  }
  const verdict = needs.verifier.credential(named.value, {
    mayVouch: (iss) => iss === user.domain,
    isAudience: (aud) => aud === user.domain,
    isProven: () => false,
    presenterKey: key.thumbprint,
  })
  // Our own keys are at hand; a promise means that they are not.
  return verdict instanceof Promise ? refuse('credential-unverifiable', 'own keys') : verdict
}
