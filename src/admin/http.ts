/**
 * The admin port: metrics, health and status for the operator, by HTTP.
 *
 * In:    where to listen, and functions that say how things are.
 * Out:   `GET /metrics`, `/healthz`, `/readyz`, `/status`, `/explain`, and `/`, a page that shows `/status`;
 *        `POST /flush`, which makes the gateway forget what it waits for (`flushing.ts`), and `POST /reload`.
 * Fails: `config-invalid` off loopback without a token (A142); `port-unavailable`. Nothing that comes in throws.
 *
 * With a token, `/metrics`, `/status`, `/explain`, `/flush` and `/reload` want it. `/healthz`, the yes or no of `/readyz` and the page itself do not:
 * they hold nothing, and probes and browsers cannot show it. Whoever is slow is cut off, and whoever is many waits (A144):
 * there is a rate for who shows the token, one for who does not, and one kept for probes.
 */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer as createListener, type Server } from 'node:net'
import { GatewayError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { isLoopback } from '../lib/ip.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import { printable } from '../lib/printable.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import { whyUnopened } from '../lib/why-unopened.ts'
import type { Limits } from '../limits.ts'
import type { Explain } from './explaining.ts'
import type { Flush } from './flushing.ts'
import { createGuard } from './guard.ts'
import { createExporter } from './metrics.ts'
import { pageHtml, pagePolicy } from './page.ts'
import type { Readiness } from './readiness.ts'
import { Sockets } from './sockets.ts'
import type { GatewayStatus } from './status.ts'
import type { ConfigView } from './view.ts'

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
  readonly flush: Flush
  readonly reload: ConfigView['reload']
  readonly clock: Clock
  readonly limits: Pick<Limits, 'adminSockets' | 'adminPerSecond'>
  readonly log: Log
}

export type Admin = {
  readonly port: number
  readonly close: () => Promise<undefined>
}

const headBytes = 8192
/** How long what is dear to make is told again, and how long a request above the rate waits for its refusal. */
const pauseMs = 1000

export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { address, port, token } = options
  if (token === null && !isLoopback(address)) {
    throw new GatewayError('config-invalid', `the admin port on ${address} needs a token`)
  }
  const site = new Site(options)
  const http = createServer({ maxHeaderSize: headBytes }, (request, response) => {
    site.take(request, response)
  })
  const sockets = new Sockets(options)
  // Who asks and then sends no more is answered, too.
  const server = createListener({ allowHalfOpen: true }, (socket) => {
    http.emit('connection', sockets.enter(socket))
  })
  await listen(server, address, port)
  server.on('error', (error) => options.log.error('admin.fault', { message: error.message }))
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      sockets.close()
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
    throw new GatewayError('port-unavailable', whyUnopened(host, port, cause), { cause })
  }
}

type Answer = {
  readonly status: number
  readonly type: string
  readonly body: string | Buffer
  /** With a refused method: those that are not. */
  readonly allow?: string
}

const reads: readonly string[] = ['GET', 'HEAD']
const acts: readonly string[] = ['POST']

type Resource = {
  /** Told without a token. */
  readonly isOpen: boolean
  /** It does something, so it is asked by POST: no link and no image of a page leads there. */
  readonly isAct?: true
  readonly answer: (isKnown: boolean, query: URLSearchParams) => Answer | Promise<Answer>
}

const json = 'application/json; charset=utf-8'
const plain = 'text/plain; charset=utf-8'

/** Orchestrators ask these, and take silence for the end. */
const probes: readonly string[] = ['/healthz', '/readyz']

class Site {
  readonly #options: AdminOptions
  /** Requests that may be answered: of who shows the token, of probes, of all others. */
  readonly #rates: Readonly<Record<'known' | 'probe' | 'other', TokenBucket>>
  readonly #guard
  readonly #resources: ReadonlyMap<string, Resource>

  constructor(options: AdminOptions) {
    const { meter, status, explain, flush, reload, clock, limits } = options
    const exporter = createExporter(meter)
    const rate = () =>
      new TokenBucket(limits.adminPerSecond, limits.adminPerSecond, options.clock.now())
    this.#options = options
    this.#rates = { known: rate(), probe: rate(), other: rate() }
    this.#guard = createGuard(options)
    this.#resources = new Map<string, Resource>([
      ['/', open({ status: 200, type: 'text/html; charset=utf-8', body: Buffer.from(pageHtml) })],
      ['/healthz', open({ status: 200, type: plain, body: 'alive\n' })],
      ['/readyz', { isOpen: true, answer: (isKnown) => this.#readiness(isKnown) }],
      ['/status', { isOpen: false, answer: onceIn(clock, async () => object(200, status())) }],
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
        '/flush',
        {
          isOpen: false,
          isAct: true,
          answer: (_isKnown, query) => {
            const { status: code, value } = flush(query)
            return object(code, value)
          },
        },
      ],
      [
        '/reload',
        {
          isOpen: false,
          isAct: true,
          answer: async () => {
            const done = await reload()
            return object('error' in done ? refusedFiles : 200, done)
          },
        },
      ],
      [
        '/metrics',
        {
          isOpen: false,
          answer: onceIn(clock, async () => ({
            status: 200,
            type: exporter.contentType,
            body: Buffer.from(await exporter.text()),
          })),
        },
      ],
    ])
  }

  /** Answered now, or refused after a while: who asks again and again is slowed down by it. */
  take(request: IncomingMessage, response: ServerResponse): undefined {
    const { clock, meter } = this.#options
    if (this.#rateOf(request).take(clock.now())) {
      void this.#answer(request, response)
      return
    }
    meter.hit('adminPerSecond')
    const cancel = clock.after(pauseMs, () => {
      this.#refused(request, 429)
      this.#send(response, refusal(429))
    })
    response.on('close', cancel)
  }

  #rateOf({ url = '', headers }: IncomingMessage): TokenBucket {
    const { known, probe, other } = this.#rates
    if (this.#options.token !== null && this.#guard.unknown(headers) === undefined) return known
    return probes.includes(pathOf(url)) ? probe : other
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<undefined> {
    const { log } = this.#options
    try {
      const given = await this.#judge(request)
      if (unwelcome.includes(given.status)) this.#refused(request, given.status)
      this.#send(response, given)
    } catch (error) {
      log.error('admin.fault', { message: String(error) })
      // An answer that has begun cannot become another one.
      if (response.headersSent) response.destroy()
      else this.#send(response, refusal(500))
    }
  }

  #judge(request: IncomingMessage): Answer | Promise<Answer> {
    const { method = '', url = '', headers } = request
    const ambiguous = this.#guard.ambiguous(request.headersDistinct)
    if (ambiguous !== undefined) return refusal(ambiguous)
    const path = pathOf(url)
    const foreign =
      this.#guard.foreign(headers) ?? (path === '/' ? undefined : this.#guard.embedded(headers))
    // A probe may call the gateway by any name: its yes or no is for everybody.
    if (foreign !== undefined && !probes.includes(path)) return refusal(foreign)
    const [, query = ''] = url.split('?', 2)
    const resource = this.#resources.get(path)
    const unknown = this.#guard.unknown(headers) ?? foreign
    // Without the token nobody learns which paths there are.
    if (unknown !== undefined && resource?.isOpen !== true) return refusal(unknown)
    if (resource === undefined) return refusal(404)
    const methods = resource.isAct === true ? acts : reads
    if (!methods.includes(method)) return { ...refusal(405), allow: methods.join(', ') }
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

/** Refusals of who may mean harm. Whoever looks for what is not here (a browser its icon) does not. */
const unwelcome: readonly number[] = [400, 401, 403, 429]

const pathOf = (url: string): string => url.split('?', 1)[0] ?? ''

/** What `make` made is told again for a while: however many ask, it is made once. */
function onceIn(clock: Clock, make: () => Promise<Answer>): () => Promise<Answer> {
  let madeAt = Number.NEGATIVE_INFINITY
  let made: Promise<Answer> | undefined
  return () => {
    const now = clock.now()
    if (made === undefined || now - madeAt >= pauseMs) {
      madeAt = now
      made = make()
    }
    return made
  }
}

const open = (answer: Answer): Resource => ({ isOpen: true, answer: () => answer })

const object = (status: number, value: unknown): Answer => ({
  status,
  type: json,
  // What a far side said of itself is in it, and an operator may look at it on a terminal.
  body: `${printable(JSON.stringify(value))}\n`,
})

const words: Readonly<Record<number, string>> = {
  400: 'a header that may come once came twice',
  401: 'a bearer token is needed',
  403: 'asked by way of a name, or from a page, that is not ours',
  404: 'there is nothing here',
  405: 'not by this method',
  429: 'too many requests',
  500: 'a fault of this gateway',
}

/** "Unprocessable Content": nothing is wrong with the request. The reload has its own line in the log. */
const refusedFiles = 422

const refusal = (status: number): Answer => ({ status, type: plain, body: `${words[status]}\n` })

/** Said with every answer: it is for nobody else, and stays nowhere. */
const usual = {
  'cache-control': 'no-store',
  'content-security-policy': pagePolicy,
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

function send(response: ServerResponse, { status, type, body, allow }: Answer): undefined {
  response.writeHead(status, {
    ...usual,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="gatehouse"' } : {}),
    ...(allow === undefined ? {} : { allow }),
    // One request a socket.
    connection: 'close',
  })
  response.end(body)
}
