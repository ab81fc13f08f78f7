/**
 * Which store of subscriptions each domain has, and whether a link leads there: what presence has to know of links.
 *
 * In:    HELLOs, links won and lost.
 * Out:   `reachable` of the core.
 * Spec:  [LINK-6.14-1] to [LINK-6.14-3]
 */
import type { Domain } from '../address/domain.ts'
import type { Link } from '../link/link.ts'
import type { Core } from '../operation/ports.ts'
import { native } from './callers.ts'
import type { Carriers } from './carrier.ts'
import type { Pair } from './pair.ts'

export class LinkReports {
  readonly #core: () => Core
  readonly #pool: Pick<Carriers, 'find'>
  /** As the domain named it last. */
  readonly #names = new Map<Domain, string>()

  constructor(core: () => Core, pool: Pick<Carriers, 'find'>) {
    this.#core = core
    this.#pool = pool
  }

  /** A link of the pair is there, and its far side has said HELLO: `store` names its subscriptions, if it says so. */
  joined(store: string, { local, remote }: Pair): undefined {
    const before = this.#names.get(remote)
    if (store !== '') this.#names.set(remote, store)
    // [LINK-6.14-1] Another store: what we asked for is not there any more.
    const isNew = before !== undefined && store !== '' && before !== store
    this.#core().reachable(native, local, remote, { isUp: true, isNew, restMs: 0 })
  }

  /** A link of the pair is gone; with the last one for presence nobody can vouch for what was seen. */
  left({ link }: { readonly link: Pick<Link, 'restMs'> }, { local, remote }: Pair): undefined {
    const isUp = (from: Domain) => this.#pool.find(from, remote, 'pres') !== undefined
    if (isUp(local)) return
    const { restMs } = link
    this.#core().reachable(native, local, remote, { isUp: false, isNew: false, restMs })
    // Nothing is held there that could be gone when it comes back.
    if (!this.#core().isUsed(remote)) this.#names.delete(remote)
  }
}
