/** About whom somebody asks: an address with or without its scheme, or a domain alone. */
import type { Service } from '../address/address.ts'
import { type Domain, parseDomain } from '../address/domain.ts'
import { parseUri } from '../address/uri.ts'
import { GatewayError } from '../errors.ts'

export type Asked = { readonly domain: Domain; readonly service: Service }

/** `named`: the service where the address does not say; else im. Fails: `usage`, `bad-address`. */
export function askedFor(text: string, named: string | undefined): Asked {
  const usual = named ?? 'im'
  if (usual !== 'im' && usual !== 'pres') {
    throw new GatewayError('usage', `expected the service im or pres, found "${usual}"`)
  }
  if (!text.includes('@')) return { domain: parseDomain(text), service: usual }
  const { service, address } = parseUri(text, usual)
  return { domain: address.domain, service }
}
