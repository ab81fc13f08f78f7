/**
 * One link with what is known of its far end: domains proven, credentials held and shown, requests that wait.
 *
 * State and its small questions only; who decides is `proofs.ts` and the gateway.
 */
import type { Address, Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { PublicKey } from '../credential/ed25519.ts'
import type { Status } from '../errors.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import type { Limits } from '../limits.ts'
import type { Link } from '../link/link.ts'
import { HeldCredentials } from './held-credentials.ts'
import type { Pair } from './pair.ts'
import { type Mint, ShownCredentials } from './shown-credentials.ts'
import { WaitingRoom } from './waiting-room.ts'

/** Why this side dialled: for whom, to whom. */
export type Dialled = {
  readonly local: Domain
  readonly remote: Domain
  readonly service: Service
  readonly host: string
  readonly port: number
  /** The far side has to show a key of `remote` that was known before: its certificate is not enough. */
  readonly needsKnownKey: boolean
  /** Only to ask for keys: proves nothing and carries nothing else. */
  readonly forKeys: boolean
}

/** Lines in the log about what the far side of one link was refused, at once; then one a second. */
const refusalLines = 10

/** Where the far side stands: nothing claimed yet, a claim under way, refused, or at least one pair proven. */
export type Standing = 'silent' | 'pending' | 'refused' | 'proven'

export class Session {
  readonly link: Link
  readonly role: 'gateway' | 'client'
  readonly dialled: Dialled | undefined
  readonly held: HeldCredentials
  readonly shown: ShownCredentials
  readonly waiting: WaitingRoom
  /** Signatures of the far side that do not fit: nobody who means well sends many. */
  readonly badSignatures: TokenBucket
  readonly bornAt: number
  readonly #lines: TokenBucket
  #unlogged = 0
  standing: Standing = 'silent'
  /** Claims whose keys are being fetched. */
  claimsUnderWay = 0
  /** With what a refused claim was refused. */
  refusal: Status = 'domain-not-proven'
  /** The attached user, on a link with a client. */
  user: Address | undefined = undefined
  /** The key that the user attached with. */
  userKey: PublicKey | undefined = undefined
  /** Domains that this side has claimed here and to whom, so that it claims each once. */
  readonly claimed = new Set<string>()
  /** Those of them that the far side refused: nothing of ours can pass there. */
  readonly #refusedClaims = new Set<string>()
  /** With every proof so far, and those of them that may be used: all proofs that are asked for are there. */
  readonly #proofs = new Map<string, Pair>()
  readonly #pairs = new Map<string, Pair>()
  readonly #mostPairs: number

  constructor(
    link: Link,
    role: 'gateway' | 'client',
    dialled: Dialled | undefined,
    limits: Limits,
    mint: Mint,
    evict: (session: Session, numbers: readonly number[]) => undefined,
    now: number,
  ) {
    this.link = link
    this.role = role
    this.dialled = dialled
    this.bornAt = now
    this.#lines = new TokenBucket(1, refusalLines, now)
    this.#mostPairs = limits.pairsPerLink
    this.held = new HeldCredentials(limits.references)
    this.shown = new ShownCredentials(
      mint,
      () => Math.min(limits.references, link.hello?.references ?? limits.references),
      (numbers) => evict(this, numbers),
      () => link.awaited,
    )
    this.waiting = new WaitingRoom(link, limits)
    const { mistakesPerSecond, mistakesBurst } = limits
    this.badSignatures = new TokenBucket(mistakesPerSecond, mistakesBurst, now)
  }

  /** Whether a refusal may have a line in the log: how many others had none; `undefined`: it has none either. */
  line(now: number): number | undefined {
    if (!this.#lines.take(now)) {
      this.#unlogged++
      return undefined
    }
    const more = this.#unlogged
    this.#unlogged = 0
    return more
  }

  get pairs(): Iterable<Pair> {
    return this.#pairs.values()
  }

  pair(local: string, remote: string): Pair | undefined {
    return this.#pairs.get(`${local} ${remote}`)
  }

  isProven(local: string, remote: string): boolean {
    return this.#pairs.has(`${local} ${remote}`)
  }

  /** Whether `remote` is proven for any domain of ours. */
  speaksFor(remote: string): boolean {
    for (const pair of this.#pairs.values()) if (pair.remote === remote) return true
    return false
  }

  /** Whether `local` is served on this link. */
  isServed(local: string): boolean {
    for (const pair of this.#pairs.values()) if (pair.local === local) return true
    return false
  }

  /** Whether one more proof may be taken here. */
  hasRoom(local: string, remote: string): boolean {
    return this.#proofs.size < this.#mostPairs || this.#proofs.has(`${local} ${remote}`)
  }

  /** Adds a proof, and returns the pair with all that it has. */
  prove({ local, remote, kinds, kid }: Pair): Pair {
    const name = `${local} ${remote}`
    const known = this.#proofs.get(name)
    const all = new Set([...(known?.kinds ?? []), ...kinds])
    const pair = { local, remote, kinds: all, kid: kid || (known?.kid ?? '') }
    this.#proofs.set(name, pair)
    return pair
  }

  /** The far side does not take us for `local`. */
  withdraw(local: string, remote: string): undefined {
    this.#refusedClaims.add(`${local} ${remote}`)
    this.#pairs.delete(`${local} ${remote}`)
  }

  isRefused(local: string, remote: string): boolean {
    return this.#refusedClaims.has(`${local} ${remote}`)
  }

  /** The pair may be used from now on; true if it could not be used before. */
  admit(pair: Pair): boolean {
    const name = `${pair.local} ${pair.remote}`
    const isNew = !this.#pairs.has(name)
    this.#pairs.set(name, pair)
    this.standing = 'proven'
    return isNew
  }
}
