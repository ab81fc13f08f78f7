/**
 * What an attacker of the hostile bench has, and what all floods do alike: opening links, keeping a rate, using up credit.
 *
 * In:    domains with good keys, addresses in networks of their own, the gateway that is meant.
 * Out:   links on which a domain is proven; an `Attack`, done turn by turn.
 * Fails: `openLinks` and `meet` reject when a link is not to be had for long.
 */
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { parseAddress } from '../../src/address/address.ts'
import { encodeCredential } from '../../src/command/credential.ts'
import { commands, type TrafficClass } from '../../src/wire/registry.ts'
import { requestPayload } from './gateway-user.ts'
import { HostileLink, type Identity, type Target } from './hostile-peer.ts'
import { sleepMs } from './measure.ts'

/** What an attacker has. */
export type Arms = {
  readonly target: Target
  readonly admin: { readonly address: string; readonly port: number }
  readonly trust: SecureContext
  /** Domains that are found, each in a network of its own. */
  readonly identities: readonly Identity[]
  /** A user there, who has published the longest presence that there may be. */
  readonly presentity: string
  /** One address in each of many networks. */
  readonly networks: readonly string[]
}

export type Attack = {
  /** Does what is due at `ms` since the begin; how many bytes that were. */
  readonly turn: (ms: number) => number
  readonly links: readonly HostileLink[]
  /** Answers on links that did not last, by status. */
  readonly answers?: Map<number, number>
  readonly end: () => undefined
}

const nothing = Buffer.alloc(0)
/** A key fetch that failed is tried again after a minute. */
const patienceMs = 90_000
/** Every class, that of messages first. */
export const classes: readonly TrafficClass[] = [1, 2, 0]
/** Ahead of the socket: enough to keep it full, too little to fill the memory of the attacker. */
export const aheadBytes = 262_144

/** How many are due, at an even rate, since the last time. */
export function pacer(perSecond: number): (ms: number) => number {
  let done = 0
  return (ms) => {
    const due = Math.floor((ms * perSecond) / 1000) - done
    done += due
    return due
  }
}

export async function openLinks(arms: Arms, domains: number, each: number): Promise<HostileLink[]> {
  const open = async (identity: Identity): Promise<HostileLink[]> => {
    const links: HostileLink[] = []
    // One after the other: a network has a rate of new connections, and few may be unproven at once.
    while (links.length < each) links.push(await openOne(arms, identity))
    return links
  }
  return (await Promise.all(arms.identities.slice(0, domains).map(open))).flat()
}

/** Makes each domain known: its keys are fetched once, and not while a flood needs them. */
export async function meet(arms: Arms): Promise<undefined> {
  for (const identity of arms.identities) (await openOne(arms, identity)).close()
}

/** Waits for a place as long as it takes: what is refused for a time is asked for again. */
async function openOne({ target, trust }: Arms, identity: Identity): Promise<HostileLink> {
  for (const end = performance.now() + patienceMs; ; await sleepMs(250)) {
    try {
      return await HostileLink.open(identity, target, trust)
    } catch (cause) {
      if (performance.now() > end) throw cause
    }
  }
}

const closing = (links: readonly HostileLink[]) => (): undefined => {
  for (const link of links) link.close()
}

/** An attack that does the same on each of its links. */
export function onEach(
  links: readonly HostileLink[],
  turn: (link: HostileLink, ms: number) => number,
): Attack {
  return {
    links,
    turn: (ms) => links.reduce((sum, link) => sum + (link.isOpen ? turn(link, ms) : 0), 0),
    end: closing(links),
  }
}

/** As many requests as the credit allows, in every class, or `due` of them. */
export function pour(link: HostileLink, payload: Buffer, due = Number.POSITIVE_INFINITY): number {
  let left = due
  let bytes = 0
  for (const trafficClass of classes) {
    const count = Math.min(left, link.room(trafficClass, payload.length))
    link.burst(trafficClass, payload, count)
    left -= count
    bytes += count * payload.length
  }
  return bytes
}

export const isFull = ({ socket }: { readonly socket: Socket }): boolean =>
  socket.writableLength > aheadBytes

/** Shows a good credential of a user who has not been heard of, under the number of the user. */
export function show({ target }: Arms, link: HostileLink, user: number): number {
  const { domain, signer } = link.identity
  const sub = parseAddress(`u${user}@${domain}`)
  const scope = ['im.send', 'pres.watch'] as const
  const facts = { sub, aud: target.domain, scope, seconds: undefined, jkt: undefined }
  const fieldBytes = encodeCredential(signer.signCredential(facts))
  const payload = requestPayload(commands.credential.number, fieldBytes, nothing)
  payload.writeUInt32BE(user, 2)
  link.burst(1, payload, 1)
  return payload.length
}
