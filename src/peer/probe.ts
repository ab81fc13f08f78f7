/**
 * What another domain says of us now, and who answers where DNS says that we are: for those who ask why.
 *
 * In:    a domain of ours; for a claim the domain that is to judge it.
 * Out:   the answer to PROVE on a link that is there, or is dialled now; whether we, or our keys, are found.
 * Fails: `claim` never; `self` with the code of the search or of the dial.
 * Spec:  [LINK-5.4-11] a claim may be repeated; [LINK-5.2-6] whoever says our own `boot` is this process
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { parseKeySet } from '../credential/key-set.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import type { Dialler } from './dialler.ts'
import type { Hosted } from './hosted.ts'
import type { Keys } from './keys.ts'
import { noBody } from './own-requests.ts'
import type { Pool } from './pool.ts'
import { type Proofs, proveRequest } from './proofs.ts'

/** `isAsked`: false where there was no link to ask on; the code is that of the dial then. */
type ClaimSaid = {
  readonly isAsked: boolean
  readonly code: Status
  readonly detail: string
}

/** `us`: this process. `keys`: another one that publishes all keys of ours. */
type SelfSaid = { readonly at: string; readonly who: 'us' | 'keys' | 'other-keys' }

type ProbeRooms = {
  readonly hosted: Hosted
  readonly pool: Pick<Pool, 'wake' | 'send'>
  readonly proofs: Pick<Proofs, 'ask'>
  readonly dialler: Pick<Dialler, 'dialForKeys'>
  readonly keys: Pick<Keys, 'ask'>
  /** What this process says in HELLO. */
  readonly boot: string
}

export class Probe {
  readonly #env: Env
  readonly #rooms: ProbeRooms

  constructor(env: Env, rooms: ProbeRooms) {
    this.#env = env
    this.#rooms = rooms
  }

  /** Proves `local` to `remote` now, whatever the back-off says. */
  claim(local: Domain, remote: Domain, service: Service): Promise<ClaimSaid> {
    const { pool, proofs } = this.#rooms
    pool.wake(local, remote)
    return new Promise((resolve) => {
      const said = (isAsked: boolean) => (code: Status, detail: string) =>
        resolve({ isAsked, code, detail }) as undefined
      pool.send(local, remote, service, proveRequest(noBody, said(false)), (session) =>
        proofs.ask(session, local, remote, said(true)),
      )
    })
  }

  /** As a peer comes that wants our keys. */
  async self(local: Domain, service: Service, signal: AbortSignal): Promise<SelfSaid> {
    const { dialler, keys, boot } = this.#rooms
    const { admin } = this.#env.shares.tree
    const session = await dialler.dialForKeys(local, local, service, admin, signal)
    const { link, dialled } = session
    const at = `${dialled?.host} (${link.channel.facts.remote})`
    try {
      const body = await keys.ask(session, local, signal)
      return { at, who: this.#hasOurs(local, body) ? 'keys' : 'other-keys' }
    } catch (error) {
      if (link.hello?.boot === boot) return { at, who: 'us' }
      throw error
    } finally {
      link.release('idle-release')
    }
  }

  #hasOurs(domain: Domain, body: Buffer): boolean {
    const { clock, limits } = this.#env
    const now = Math.floor(clock.wall() / 1000)
    const read = (bytes: Buffer) =>
      parseKeySet(bytes, { domain, now, limits, isForbidden: () => false })
    const [ours, theirs] = [read(this.#rooms.hosted.keySet(domain) ?? noBody), read(body)]
    return (
      ours.ok && theirs.ok && [...ours.value.keys.keys()].every((kid) => theirs.value.keys.has(kid))
    )
  }
}
