/**
 * Who runs a domain: its users, its keys and what it publishes of them; what outlives every process of its gateway.
 *
 * Rotation as an operator does it: the next key is published first, then used; the last one is taken back later.
 */
import type { Service } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import type { KeyPair } from '../../../src/credential/ed25519.ts'
import { pinKey } from '../../../src/credential/pinned-keys.ts'
import { createSigner, type Signer } from '../../../src/credential/sign.ts'
import type { HostedDomain } from '../../../src/gateway.ts'
import { listDirectory } from '../../../src/home/directory.ts'
import { type Clock, sleep } from '../../../src/lib/clock.ts'
import type { Random } from '../../../src/lib/random.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Directory } from '../../../src/operation/directory.ts'
import { keyPairFor } from './keys.ts'

export type OperatorNeeds = {
  readonly domain: Domain
  readonly users: readonly string[]
  readonly services: readonly Service[]
  readonly limits: Limits
  /** Of the machine that keeps the directory. */
  readonly clock: Clock
}

const keySetSeconds = 30 * 86_400

export class Operator {
  readonly domain: Domain
  readonly users: readonly string[]
  /** Published keys; the first one signs. */
  published: KeyPair[]
  revoked: string[] = []
  /** How long the directory takes for an answer; `undefined`: it cannot say. */
  directoryTakesMs: () => number | undefined = () => 0
  readonly #needs: OperatorNeeds
  readonly #userKeys: ReadonlyMap<string, readonly string[]>
  #ver = 1
  #keyCount = 1

  constructor(needs: OperatorNeeds) {
    const { domain, users } = needs
    this.#needs = needs
    this.domain = domain
    this.users = users
    this.published = [keyPairFor(`${domain} 1`)]
    this.#userKeys = new Map(
      users.map((user) => [user, [keyPairFor(`${user}@${domain}`).publicKey.x]] as const),
    )
  }

  get signing(): KeyPair {
    return this.published[0] as KeyPair
  }

  /** The next key is told, and not used yet. */
  publishNext(): undefined {
    this.#change([...this.published, keyPairFor(`${this.domain} ${++this.#keyCount}`)])
  }

  /** From now on the last published key signs. */
  useNext(): undefined {
    const next = this.published.at(-1) as KeyPair
    this.#change([next, ...this.published.filter((pair) => pair !== next)])
  }

  /** Only the signing key is published any more. */
  retireOld(): undefined {
    this.#change([this.signing])
  }

  /** The signing key was lost: another takes its place at once, and the lost one is told as revoked. */
  revoke(): undefined {
    this.revoked = [...this.revoked, this.signing.publicKey.thumbprint]
    this.#change([keyPairFor(`${this.domain} ${++this.#keyCount}`)])
  }

  /** What a process of the gateway is given. Keys are looked up at each use, as after a reload. */
  hosted(clock: Clock, random: Random): HostedDomain {
    const { domain, services, limits } = this.#needs
    // The set is signed anew at each start, and nothing may be said twice under one version.
    this.#ver++
    const directory = this.#directory()
    let signer: Signer | undefined
    let signerKey: KeyPair | undefined
    let keySet: Buffer | undefined
    let keySetVer = 0
    const sign = (): Signer => {
      if (signer === undefined || signerKey !== this.signing) {
        signerKey = this.signing
        signer = createSigner({
          domain,
          linkKey: signerKey,
          userKey: signerKey,
          clock,
          random,
          limits,
        })
      }
      return signer
    }
    const publish = (): Buffer => {
      if (keySet === undefined || keySetVer !== this.#ver) {
        keySetVer = this.#ver
        keySet = this.#keySet(sign(), clock)
      }
      return keySet
    }
    const own = pinKey(this.signing.publicKey.x, 'both', undefined)
    return {
      domain,
      get signer() {
        return sign()
      },
      get keySet() {
        return publish()
      },
      keys: own === undefined ? [] : [own],
      directory,
      services,
    }
  }

  #directory(): Directory {
    const { clock } = this.#needs
    const listed = listDirectory(this.#userKeys)
    return {
      find: async (user) => {
        const ms = this.directoryTakesMs()
        if (ms === undefined) throw new Error('the directory is out of order')
        if (ms > 0) await sleep(clock, ms)
        return listed.find(user)
      },
    }
  }

  #keySet(signer: Signer, clock: Clock): Buffer {
    const now = Math.floor(clock.wall() / 1000)
    const window = { nbf: now - 86_400, naf: now + 365 * 86_400 }
    return signer.signKeySet({
      ver: this.#ver,
      seconds: keySetSeconds,
      keys: this.published.map((pair) => ({ pair, use: 'both' as const, ...window })),
      revoked: this.revoked,
    })
  }

  #change(published: KeyPair[]): undefined {
    this.published = published
    this.#ver++
  }
}
