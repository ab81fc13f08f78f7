/**
 * The way to the door for clients of one gateway, by name or address.
 *
 * In:    host, port, the domain that has to be there, and for TLS who may vouch for it.
 * Out:   a `Connect` for `connect`.
 * Fails: `link-refused` (no such host, nobody there), `tls-failed`, `identity-mismatch`, `certificate-unusable`.
 */
import { lookup as systemLookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Domain } from '../address/domain.ts'
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { dialPlain, dialTls } from '../link/dial-socket.ts'
import { trustIn } from '../link/tls.ts'
import type { Connect } from './connection.ts'

export type Place = {
  /** A name or an IP address. */
  readonly host: string
  readonly port: number
  readonly domain: Domain
  /** False: plain TCP, for a gateway on this machine. */
  readonly tls: boolean
  /** PEM texts of further authorities. */
  readonly ca: readonly string[]
  readonly clock: Clock
  readonly limits: Limits
}

/** Addresses of a host, best first. */
export type Lookup = (host: string) => Promise<readonly string[]>

/** As the system finds hosts: the door of one's own gateway may stand in a hosts file. */
export const lookupHost: Lookup = async (host) =>
  (await systemLookup(host, { all: true })).map(({ address }) => address)

export function dialer(place: Place, lookup: Lookup): Connect {
  const { host, port, domain, tls, ca, clock, limits } = place
  if (!Array.isArray(ca)) {
    throw new GatewayError(
      'certificate-unusable',
      `expected a list of PEM texts, found ${typeof ca}`,
    )
  }
  const trust = tls ? trustIn(ca) : undefined
  return async (signal) => {
    let reason = new GatewayError('link-refused', `no address of ${host}`)
    for (const ip of await addressesOf(host, lookup)) {
      const dial = { ip, port, limits, clock, signal }
      try {
        if (trust === undefined) return await dialPlain(dial)
        return await dialTls({ ...dial, domain, service: 'im', trust })
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        reason = error
      }
    }
    throw reason
  }
}

async function addressesOf(host: string, lookup: Lookup): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host]
  try {
    return await lookup(host)
  } catch (cause) {
    throw new GatewayError('link-refused', `cannot find the host ${host}`, { cause })
  }
}
