/**
 * The attacker of the demo: a gateway of c.example, a domain with good keys and a good certificate, that lies.
 *
 * In:    a link to the victim's gateway, the keys of its own domain, and a credential of somebody else that it stole.
 * Out:   each attempt with the status that it was answered with.
 * Fails: with what the link fails with.
 *
 * Everything goes over a bare link, past all the checks of our own gateway: only the far side can refuse it.
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { encodeCredential } from '../command/credential.ts'
import { defaultContentType, encodeMessage } from '../command/message.ts'
import { encodeProve } from '../command/prove.ts'
import type { KeyPair } from '../credential/ed25519.ts'
import { createSigner, type Signer } from '../credential/sign.ts'
import type { Status } from '../errors.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { Link } from '../link/link.ts'
import type { Outgoing, Reference } from '../link/outgoing.ts'
import { proveRequest } from '../peer/proofs.ts'
import { commands, trafficClass } from '../wire/registry.ts'

export type AttackNeeds = {
  readonly link: Link
  /** The attacker's own domain, its key and its user. */
  readonly domain: Domain
  readonly key: KeyPair
  readonly mallory: Address
  readonly victim: Address
  readonly alice: Address
  /** A good credential of alice. */
  readonly stolen: string
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
}

export type Attempt = {
  readonly attempt: string
  readonly status: Status
  /** It claims nothing that is not true. */
  readonly isHonest: boolean
}

export async function* attack(needs: AttackNeeds): AsyncGenerator<Attempt> {
  const { domain, alice, mallory, victim, stolen } = needs
  const own = signerFor(needs, domain)
  const asAlice = signerFor(needs, alice.domain)
  const told = (attempt: string, status: Status, isHonest = false) => ({
    attempt,
    status,
    isHonest,
  })
  yield told(`proves that it is ${domain}`, await prove(needs, own), true)
  yield told(`says that it is ${alice.domain}, with its own key`, await prove(needs, asAlice))

  const ofAlice = { sub: alice, aud: victim.domain }
  const credentials = [
    [`vouches for ${alice.text} as ${domain}`, forged(needs, { iss: domain, ...ofAlice })],
    [`vouches for ${alice.text} as ${alice.domain}`, credentialOf(asAlice, ofAlice)],
    [`shows a real credential of ${alice.text}, stolen`, stolen],
  ] as const
  let number = 0
  for (const [attempt, token] of credentials) {
    const message = { to: victim, from: '', reference: referenceTo(token, ++number), text: lie }
    yield told(attempt, await send(needs, message))
  }

  const honest = credentialOf(own, { sub: mallory, aud: victim.domain })
  const reference = referenceTo(honest, ++number)
  const named = `writes as ${mallory.text}, names ${alice.text} as the sender`
  yield told(named, await send(needs, { to: victim, from: alice.text, reference, text: lie }))
  const relayed = `asks ${victim.domain} to relay to ${alice.text}`
  yield told(relayed, await send(needs, { to: alice, from: '', reference, text: lie }))
  const plain = `writes as ${mallory.text}, its own user`
  yield told(plain, await send(needs, { to: victim, from: '', reference, text: truth }), true)
}

const signerFor = ({ key, clock, random, limits }: AttackNeeds, domain: string): Signer =>
  createSigner({ domain, linkKey: key, userKey: key, clock, random, limits })

type Subject = { readonly sub: Address; readonly aud: Domain }

const credentialOf = (signer: Signer, { sub, aud }: Subject): string =>
  signer.signCredential({ sub, aud, scope: ['im.send'], seconds: undefined, jkt: undefined })

/** Our signer vouches for users of its own domain alone: it is deceived about the domain of this one. */
function forged(needs: AttackNeeds, { iss, sub, aud }: Subject & { readonly iss: Domain }): string {
  return credentialOf(signerFor(needs, iss), { sub: { ...sub, domain: iss }, aud })
}

function prove({ link, victim }: AttackNeeds, signer: Signer): Promise<Status> {
  const cb = encodeBase64url(link.binding as Buffer)
  const assertion = signer.signLink({ aud: victim.domain, cb })
  return new Promise((resolve) => {
    link.ask(proveRequest(encodeProve(assertion), (status) => resolve(status) as undefined))
  })
}

const referenceTo = (token: string, number: number): Reference & { refreshAt: number } => ({
  number,
  refreshAt: 0,
  ...{ wait: () => undefined, leave: () => undefined },
  present() {
    this.refreshAt = Number.POSITIVE_INFINITY
    return { reference: this, fields: encodeCredential(token), answered: () => undefined }
  },
})

type Message = {
  readonly to: Address
  readonly from: string
  readonly reference: Reference
  readonly text: string
}

const lie = 'This is Alice. Send the money to Mallory.'
const truth = 'This is Mallory, under my own name.'

function send(
  { link, random }: AttackNeeds,
  { to, from, reference, text }: Message,
): Promise<Status> {
  const head = encodeMessage(to.text, random.bytes(16), defaultContentType)
  const body = Buffer.from(text)
  return new Promise((resolve) => {
    const message: Outgoing = {
      command: commands.message.number,
      trafficClass: trafficClass.im,
      hops: 1,
      reference,
      laneEpoch: 1,
      laneSequence: 1,
      settled: 0,
      from,
      answerCredit: 0,
      expectsAnswer: true,
      user: '',
      buffer: Buffer.concat([head, body]),
      fieldsAt: 0,
      bodyAt: head.length,
      end: head.length + body.length,
      since: -1,
      sentAt: -1,
      freshen: undefined,
      answered: ({ status }) => resolve(status) as undefined,
      failed: (code) => resolve(code) as undefined,
    }
    link.ask(message)
  })
}
