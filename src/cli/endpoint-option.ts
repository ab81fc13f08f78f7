/** `host:port` as it stands behind an option. */
import { isIP } from 'node:net'
import { GatewayError } from '../errors.ts'

export type Endpoint = { readonly host: string; readonly port: number }

const pattern = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:]+))(?::(?<port>\d{1,5}))?$/

/** `192.0.2.1:5280`, `[2001:db8::1]:5280`, `gw.a.example`; a bare IPv6 address too. */
export function endpointOf(text: string, option: string, defaultPort: number): Endpoint {
  if (isIP(text) === 6) return { host: text, port: defaultPort }
  const parts = pattern.exec(text)?.groups
  const host = parts?.['v6'] ?? parts?.['host']
  const port = parts?.['port'] === undefined ? defaultPort : Number(parts['port'])
  const isRight =
    host !== undefined && port > 0 && port < 65_536 && (parts?.['v6'] ? isIP(host) === 6 : true)
  if (isRight) return { host, port }
  throw new GatewayError('usage', `expected host:port behind ${option}, found "${text}"`)
}

/** Where on this machine a listener is reached: of every address the loopback one will do, of IPv4 where both are. */
export const nearAddress = (listened: string): string => loopback[listened] ?? listened

const loopback: Readonly<Record<string, string>> = { '::': '127.0.0.1', '0.0.0.0': '127.0.0.1' }
