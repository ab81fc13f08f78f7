/**
 * A bare link to somebody's gateway: TLS and frames, and nothing that would keep anybody from lying on it.
 *
 * In:    where the gateway is, which domain it should be, and whom we call ourselves.
 * Out:   a link whose HELLO is said.
 * Fails: as dialling does.
 */
import type { Domain } from '../address/domain.ts'
import { encodeBase64url } from '../lib/base64url.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import { ownCounters } from '../link/counters.ts'
import { dialTls } from '../link/dial-socket.ts'
import { Link, type LinkOwner } from '../link/link.ts'
import { trustIn } from '../link/tls.ts'

export type BareLink = {
  readonly ip: string
  readonly port: number
  /** Whose gateway is dialled. */
  readonly remote: Domain
  /** Who we say that we are. */
  readonly domain: Domain
  readonly ca: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
}

export async function openBareLink(options: BareLink): Promise<Link> {
  const { ip, port, remote, domain, ca, clock, random, limits } = options
  const { signal } = new AbortController()
  const trust = trustIn(ca)
  const service = 'im'
  const channel = await dialTls({ ip, port, domain: remote, service, trust, limits, clock, signal })
  const link = new Link({
    channel,
    side: 'initiating',
    hello: {
      role: 'gateway',
      domain,
      software: 'a liar',
      boot: encodeBase64url(random.bytes(16)),
      state: '',
      nonce: encodeBase64url(random.bytes(32)),
      services: ['im', 'pres'],
      messageBytes: limits.messageBytes,
      references: limits.references,
      subjects: 0,
    },
    owner: indifferent,
    limits,
    clock,
    answerMs: limits.requestMs,
    ageMs: limits.linkAgeMs,
    counters: ownCounters(),
    limitHit: () => undefined,
  })
  link.start()
  // Our own side holds requests back until a proof is made: here nothing is.
  link.proven()
  return link
}

/** The far side's own claims are taken as they come. */
const indifferent: LinkOwner = {
  greeted: () => undefined,
  request: (link, { id, trafficClass, command }) => link.answer(id, trafficClass, command, 'ok'),
  orphan: () => undefined,
  draining: () => undefined,
  closed: () => undefined,
  isUsed: () => true,
}
