/**
 * Resolve: races the addresses of one target.
 *
 * In:    addresses, in the order to start them.
 * Out:   the first connection that stands, or `undefined` once all have failed.
 * Fails: never; each failure is added to `attempts`. A connection that comes too late is closed.
 * Spec:  RFC 8305 §5 (stagger; at once after a failure) and §4 (families take turns).
 */
import type { Cancel } from '../lib/clock.ts'
import { formatEndpoint, type IpAddress } from '../lib/ip.ts'
import { type Deadline, deadline } from './deadline.ts'
import type { Attempt, Dial } from './dial.ts'
import type { Target } from './target.ts'

export type Race<T> = Pick<
  Dial<T>,
  'connect' | 'close' | 'clock' | 'limits' | 'meter' | 'signal'
> & {
  readonly target: Target
  readonly addresses: readonly IpAddress[]
}

export type Won<T> = { readonly value: T; readonly ip: string }

export function race<T>(given: Race<T>, attempts: Attempt[]): Promise<Won<T> | undefined> {
  const { clock, limits, meter, signal } = given
  const waiting = [...given.addresses]
  const running = new Set<Deadline>()
  return new Promise((resolve) => {
    let isOver = false
    let cancelStagger: Cancel = () => undefined
    const finish = (won: Won<T> | undefined): undefined => {
      isOver = true
      cancelStagger()
      for (const limit of running) limit.abort()
      resolve(won)
    }
    const startNext = (): undefined => {
      cancelStagger()
      const next = signal.aborted ? undefined : waiting.shift()
      if (next !== undefined) start(next)
      else if (running.size === 0) finish(undefined)
      if (waiting.length > 0) cancelStagger = clock.after(limits.dialStaggerMs, startNext)
    }
    const start = ({ ip }: IpAddress): undefined => {
      const limit = deadline(clock, limits.dialAddressMs, signal)
      const started = clock.now()
      running.add(limit)
      void attempt(given, ip, limit).then((ended) => {
        running.delete(limit)
        limit.end()
        if (isOver) return
        if ('value' in ended) return finish({ value: ended.value, ip })
        if (limit.isOver()) meter.hit('dialAddressMs')
        const { host, port, via } = given.target
        attempts.push({ host, ip, port, via, ...ended, ms: clock.now() - started })
        startNext()
      })
    }
    startNext()
  })
}

type Ended<T> = { readonly value: T } | Pick<Attempt, 'code' | 'detail'>

/** Ends when the connection stands or fails, or with `limit`, whether or not `connect` heeds it. */
function attempt<T>(
  { connect, close, target }: Race<T>,
  ip: string,
  limit: Deadline,
): Promise<Ended<T>> {
  return new Promise((resolve) => {
    let isOver = false
    const end = (ended: Ended<T>): undefined => {
      isOver = true
      resolve(ended)
    }
    const onAbort = () =>
      end(
        limit.isOver()
          ? { code: 'timeout', detail: 'no answer in time' }
          : { code: 'cancelled', detail: 'called off' },
      )
    limit.signal.addEventListener('abort', onAbort, { once: true })
    const connecting = async () => connect(ip, target.port, target, limit.signal)
    void connecting().then(
      (value) => (isOver ? close(value) : end({ value })),
      (error: unknown) => end({ code: codeOf(error), detail: detailOf(error, ip, target.port) }),
    )
  })
}

/** Families take turns, IPv6 first. */
export function interleave(addresses: readonly IpAddress[]): readonly IpAddress[] {
  const six = addresses.filter(({ family }) => family === 6)
  const four = addresses.filter(({ family }) => family === 4)
  return Array.from({ length: Math.max(six.length, four.length) }).flatMap((_, i) => [
    ...six.slice(i, i + 1),
    ...four.slice(i, i + 1),
  ])
}

/** `GatewayError` and the errors of Node both name their cause in `code`. */
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'failed'

/** Without the address, which whoever tells it knows. */
function detailOf(error: unknown, ip: string, port: number): string {
  const text = error instanceof Error ? error.message : String(error)
  const place = `${formatEndpoint(ip, port)}: `
  return text.startsWith(place) ? text.slice(place.length) : text
}
