/**
 * The admin port: metrics, health and status for the operator, by HTTP.
 *
 * In:    where to listen, and functions that say how things are.
 * Out:   `GET /metrics`, `/healthz`, `/readyz`, `/status`, `/explain`, and `/`, a page that shows `/status`.
 * Fails: `config-invalid` off loopback without a token (A142); `port-unavailable`. Nothing that comes in throws.
 *
 * With a token, `/metrics`, `/status` and `/explain` want it. `/healthz`, the yes or no of `/readyz` and the page itself do not:
 * they hold nothing, and probes and browsers cannot show it. Whoever is slow is cut off, and so is whoever is many
 * (A144).
 */
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { isLoopback } from '../lib/ip.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { Explain } from './explaining.ts'
import { createGuard } from './guard.ts'
import { createExporter } from './metrics.ts'
import { pageHtml, pagePolicy } from './page.ts'
import type { Readiness } from './readiness.ts'
import type { GatewayStatus } from './status.ts'

/**
 * Required, since an import looks at every export: that of `WebSocket` loads a whole HTTP client, 8 MiB that nobody
 * here uses.
 */
const { createServer } = createRequire(import.meta.url)('node:http') as typeof import('node:http')

export type AdminOptions = {
  readonly address: string
  /** 0: the system chooses. */
  readonly port: number
  /** `null`: nobody is asked for one, which is possible on loopback only. */
  readonly token: string | null
  readonly meter: Meter
  readonly status: () => GatewayStatus
  readonly ready: () => Readiness
  readonly explain: Explain
  readonly clock: Clock
  readonly limits: Pick<Limits, 'adminSockets'>
  readonly log: Log
}

export type Admin = {
  readonly port: number
  readonly close: () => Promise<undefined>
}

const headBytes = 8192
const headMs = 10_000
const requestMs = 15_000
/** How often Node looks for connections that are too slow. */
const checkMs = 1000

export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { address, port, token, limits, meter } = options
  if (token === null && !isLoopback(address)) {
    throw new GatewayError('config-invalid', `the admin port on ${address} needs a token`)
  }
  const site = new Site(options)
  const server = createServer(
    {
      maxHeaderSize: headBytes,
      headersTimeout: headMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: checkMs,
      keepAliveTimeout: headMs,
    },
    (request, response) => void site.answer(request, response),
  )
  server.maxConnections = limits.adminSockets
  // A far side that takes nothing of its answer is silent, too.
  server.setTimeout(requestMs, (socket) => socket.destroy())
  server.on('drop', () => meter.hit('adminSockets'))
  await listen(server, address, port)
  server.on('error', (error) => options.log.error('admin.fault', { message: error.message }))
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      return undefined
    },
  }
}

async function listen(server: Server, host: string, port: number): Promise<undefined> {
  try {
    server.listen({ host, port })
    await once(server, 'listening')
  } catch (cause) {
    throw new GatewayError('port-unavailable', `cannot listen on ${host} port ${port}`, { cause })
  }
}

type Answer = { readonly status: number; readonly type: string; readonly body: string }

type Resource = {
  /** Told without a token. */
  readonly isOpen: boolean
  readonly answer: (isKnown: boolean, query: URLSearchParams) => Answer | Promise<Answer>
}

const json = 'application/json; charset=utf-8'
const plain = 'text/plain; charset=utf-8'

class Site {
  readonly #options: AdminOptions
  readonly #guard
  readonly #resources: ReadonlyMap<string, Resource>

  constructor(options: AdminOptions) {
    const { meter, status, explain } = options
    const exporter = createExporter(meter)
    this.#options = options
    this.#guard = createGuard(options)
    this.#resources = new Map<string, Resource>([
      ['/', open({ status: 200, type: 'text/html; charset=utf-8', body: pageHtml })],
      ['/healthz', open({ status: 200, type: plain, body: 'alive\n' })],
      ['/readyz', { isOpen: true, answer: (isKnown) => this.#readiness(isKnown) }],
      ['/status', { isOpen: false, answer: () => object(200, status()) }],
      [
        '/explain',
        {
          isOpen: false,
          answer: async (_isKnown, query) => {
            const { status: code, value } = await explain(query)
            return object(code, value)
          },
        },
      ],
      [
        '/metrics',
        {
          isOpen: false,
          answer: async () => ({
            status: 200,
            type: exporter.contentType,
            body: await exporter.text(),
          }),
        },
      ],
    ])
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<undefined> {
    const { log } = this.#options
    try {
      const given = await this.#judge(request)
      if (given.status >= 400 && given.status < 500) this.#refused(request, given.status)
      this.#send(response, given)
    } catch (error) {
      log.error('admin.fault', { message: String(error) })
      // An answer that has begun cannot become another one.
      if (response.headersSent) response.destroy()
      else this.#send(response, refusal(500))
    }
  }

  #judge({ method = '', url = '', headers }: IncomingMessage): Answer | Promise<Answer> {
    const foreign = this.#guard.foreign(headers)
    if (foreign !== undefined) return refusal(foreign)
    const [path = '', query = ''] = url.split('?', 2)
    const resource = this.#resources.get(path)
    const unknown = this.#guard.unknown(headers)
    // Without the token nobody learns which paths there are.
    if (unknown !== undefined && resource?.isOpen !== true) return refusal(unknown)
    if (resource === undefined) return refusal(404)
    if (method !== 'GET' && method !== 'HEAD') return refusal(405)
    return resource.answer(unknown === undefined, new URLSearchParams(query))
  }

  #send(response: ServerResponse, answer: Answer): undefined {
    const status = `${answer.status}`
    this.#options.meter.counter('admin_requests_total', { status }).n++
    return send(response, answer)
  }

  #readiness(isKnown: boolean): Answer {
    const readiness = this.#options.ready()
    const { ready } = readiness
    return object(ready ? 200 : 503, isKnown ? readiness : { ready })
  }

  #refused({ method, socket }: IncomingMessage, status: number): undefined {
    this.#options.log.warn('admin.refused', { status, method, peer: socket.remoteAddress })
  }
}

const open = (answer: Answer): Resource => ({ isOpen: true, answer: () => answer })

const object = (status: number, value: unknown): Answer => ({
  status,
  type: json,
  body: `${JSON.stringify(value)}\n`,
})

const words: Readonly<Record<number, string>> = {
  401: 'a bearer token is needed',
  403: 'asked by way of a name, or from a page, that is not ours',
  404: 'there is nothing here',
  405: 'only GET and HEAD',
  500: 'a fault of this gateway',
}

const refusal = (status: number): Answer => ({ status, type: plain, body: `${words[status]}\n` })

/** Said with every answer: it is for nobody else, and stays nowhere. */
const usual = {
  'cache-control': 'no-store',
  'content-security-policy': pagePolicy,
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

function send(response: ServerResponse, { status, type, body }: Answer): undefined {
  response.writeHead(status, {
    ...usual,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="gatehouse"' } : {}),
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    // What comes behind a refusal is not waited for.
    ...(status >= 400 && status !== 503 ? { connection: 'close' } : {}),
  })
  response.end(body)
}
