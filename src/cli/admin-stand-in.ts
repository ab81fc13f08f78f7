/**
 * The admin port until `src/admin/http.ts` is there: `GET /metrics` with counters and gauges, nothing else.
 *
 * In:    what `startAdmin` is going to be given.
 * Out:   an open port on which Prometheus text can be read.
 * Fails: `port-unavailable`.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AdminConfig } from '../config/schema.ts'
import { GatewayError } from '../errors.ts'
import type { Labels, Meter } from '../lib/meter.ts'
import type { Running } from '../run.ts'

export type Admin = {
  readonly port: number
  readonly close: () => Promise<undefined>
}

export async function startAdmin(
  _running: Running,
  meter: Meter,
  { address, port, token }: AdminConfig,
): Promise<Admin> {
  const server = createServer((request, response) => {
    const isLetIn = token === null || request.headers.authorization === `Bearer ${token}`
    const isMetrics = request.url === '/metrics'
    response.statusCode = isLetIn ? (isMetrics ? 200 : 404) : 401
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
    response.end(isLetIn && isMetrics ? textOf(meter) : '')
  })
  server.listen(port, address)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new GatewayError('port-unavailable', `cannot listen on ${address} port ${port}`, {
      cause,
    })
  }
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      server.close()
      return undefined
    },
  }
}

function textOf(meter: Meter): string {
  const lines: string[] = []
  for (const [name, series] of meter.counters) {
    for (const { labels, value } of series.values()) lines.push(line(name, labels, value.n))
  }
  for (const [name, series] of meter.gauges) {
    for (const { labels, value } of series.values()) lines.push(line(name, labels, value()))
  }
  return `${lines.join('\n')}\n`
}

const line = (name: string, labels: Labels, value: number): string => {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`)
  return `gatehouse_${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
}
