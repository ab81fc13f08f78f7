/**
 * The credential that names this user's key, where the directory of the domain lists none.
 *
 * In:    the first one, or whoever makes them; the link as it comes; a tick each second.
 * Out:   the one to attach with. One that was given once is renewed by ISSUE long before it ends.
 * Fails: never; a renewal that fails is tried again, and an old credential is refused by the gateway.
 * Spec:  [LINK-6.6-1]; design 6: an attached session may ask for its next credential
 */
import { encodeIssue } from '../command/issue.ts'
import { isSuccess } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { fields, scopes } from '../wire/registry.ts'
import type { Way } from './message-lane.ts'
import { requestOf } from './request.ts'

export type OwnCredentialNeeds = {
  readonly domain: string
  /** The first one; a maker of them; `undefined`: the directory lists the key. */
  readonly source: string | (() => Promise<string>) | undefined
  readonly clock: Clock
  readonly limits: Limits
}

/** Renewed when this much of its life is over. */
const renewAt = 0.6

export class OwnCredential {
  readonly #needs: OwnCredentialNeeds
  #token: string | undefined
  /** Clock time; `Infinity`: nothing to renew. */
  #renewAt = Number.POSITIVE_INFINITY
  #way: Way | undefined

  constructor(needs: OwnCredentialNeeds) {
    this.#needs = needs
    if (typeof needs.source === 'string') this.#keep(needs.source)
  }

  async current(): Promise<string | undefined> {
    const { source } = this.#needs
    return typeof source === 'function' ? source() : this.#token
  }

  up(way: Way): undefined {
    this.#way = way
  }

  down(): undefined {
    this.#way = undefined
  }

  /** Once a second. */
  tick(now: number): undefined {
    const way = this.#way
    if (now < this.#renewAt || way?.isUsable !== true) return
    const { domain, limits } = this.#needs
    this.#renewAt = now + limits.requestMs
    way.ask(
      requestOf({
        command: 'issue',
        fields: encodeIssue(domain, scopes),
        body: Buffer.alloc(0),
        answered: ({ status, fields: table }) => {
          const token = table.latin1(fields.token.tag)
          if (isSuccess(status) && token !== undefined) this.#keep(token)
        },
        failed: () => undefined,
      }),
    )
  }

  #keep(token: string): undefined {
    this.#token = token
    const { clock } = this.#needs
    const leftMs = endOf(token) * 1000 - clock.wall()
    this.#renewAt = clock.now() + Math.max(0, leftMs) * renewAt
  }
}

/** Seconds since 1970; the gateway verifies the token, so nothing is believed here. 0: it says nothing. */
function endOf(token: string): number {
  try {
    const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
    const claims = JSON.parse(text) as { readonly exp?: unknown }
    return typeof claims.exp === 'number' ? claims.exp : 0
  } catch {
    return 0
  }
}
