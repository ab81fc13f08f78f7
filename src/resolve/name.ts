/**
 * Resolve: the names that are put into questions. Pure.
 *
 * In:    a name from our own address module, or the target of a record.
 * Out:   whether it may be asked for, and whether it can be the name of a host.
 * Fails: never.
 * Spec:  RFC 1035 §2.3.4 (sizes), RFC 1123 §2.1 (host names), RFC 8552 (underscored labels).
 *
 * The codec cuts characters above 8 bits and drops empty labels, so that one name could stand for
 * another. Nothing but what is checked here reaches it.
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** Lower-case letters, digits, hyphens and underscores; labels of 1 to 63, at most 253 in all; no final dot. */
export const isQueryName = (name: string): boolean =>
  name.length <= 253 && name.split('.').every((part) => label.test(part))

/** A name whose last label is not a number: `127.1` and `2130706433` are addresses in disguise. */
export const isHostName = (name: string): boolean =>
  isQueryName(name) && !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name)

const srvPrefix: Readonly<Record<Service, string>> = { im: '_im._mitp', pres: '_pres._pitp' }

/** [LINK-9.1-1] RFC 3861 §3: service, then the protocol that names the system, then the domain. */
export const srvName = (domain: Domain, service: Service): string =>
  `${srvPrefix[service]}.${domain}`
