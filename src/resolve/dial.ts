/**
 * Resolve: from targets to one connection.
 *
 * In:    targets, best first; how to connect to an address; how to close what is not needed.
 * Out:   the first connection that stands, with its target and address.
 * Fails: `remote-unreachable`, or `remote-untrusted`, with every attempt; `cancelled`; what the search for targets threw.
 * Spec:  RFC 8305 §5 inside one target, RFC 2782 between targets (the next only after the last has failed).
 */
import { GatewayError, type Status } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { formatEndpoint } from '../lib/ip.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import { type Deadline, deadline } from './deadline.ts'
import { interleave, race } from './race.ts'
import type { Target } from './target.ts'

export type Dial<T> = {
  readonly targets: AsyncIterable<Target> | Iterable<Target>
  /** Connects to exactly this address, and gives up when `signal` aborts. */
  readonly connect: (ip: string, port: number, target: Target, signal: AbortSignal) => Promise<T>
  /** For a connection that came too late. */
  readonly close: (value: T) => undefined
  readonly clock: Clock
  readonly limits: Limits
  readonly meter: Meter
  readonly signal: AbortSignal
}

export type Dialled<T> = { readonly value: T; readonly target: Target; readonly ip: string }

/** An attempt that failed. `code` is one of ours, or the system's (`ECONNREFUSED`), or `timeout`. */
export type Attempt = {
  readonly host: string
  readonly ip: string
  readonly port: number
  readonly via: Target['via']
  readonly code: string
  /** For an operator: `connection refused`. */
  readonly detail: string
  readonly ms: number
}

export class DialError extends GatewayError {
  readonly attempts: readonly Attempt[]

  constructor(code: Status, attempts: readonly Attempt[], cause: unknown) {
    const tried = attempts.map(
      ({ ip, port, code: why, detail, ms }) =>
        `${formatEndpoint(ip, port)}: ${detail} (${why}, ${Math.round(ms)} ms)`,
    )
    super(code, tried.length === 0 ? 'nothing was tried' : `tried ${tried.join(', ')}`, { cause })
    this.attempts = attempts
  }
}

export async function dialTargets<T>(dial: Dial<T>): Promise<Dialled<T>> {
  const total = deadline(dial.clock, dial.limits.dialMs, dial.signal)
  const attempts: Attempt[] = []
  try {
    const dialled = await inOrder(dial, attempts, total.signal)
    if (dialled !== undefined) return dialled
    throw new DialError(failureOf(attempts), attempts, undefined)
  } catch (cause) {
    throw explained(dial, attempts, total, cause)
  } finally {
    total.end()
  }
}

/** Somebody was there on every try, and could not prove the domain on any; or else there was no way. */
const failureOf = (attempts: readonly Attempt[]): Status =>
  attempts.length > 0 && attempts.every(({ code }) => untrusted.has(code))
    ? 'remote-untrusted'
    : 'remote-unreachable'

const untrusted: ReadonlySet<string> = new Set<Status>(['tls-failed', 'identity-mismatch'])

/** The error to tell: that nobody waits any more, or what was tried, or else why there was nothing to try. */
function explained<T>(
  { signal, meter }: Dial<T>,
  attempts: readonly Attempt[],
  total: Deadline,
  cause: unknown,
): unknown {
  if (signal.aborted) return new DialError('cancelled', attempts, cause)
  if (total.isOver()) {
    meter.hit('dialMs')
    const cutOff = attempts.map((one) => ({
      ...one,
      ...(one.code === 'cancelled' ? { code: 'timeout', detail: 'no answer in time' } : {}),
    }))
    return new DialError('remote-unreachable', cutOff, cause)
  }
  if (cause instanceof DialError || attempts.length === 0) return cause
  return new DialError('remote-unreachable', attempts, cause)
}

async function inOrder<T>(
  dial: Dial<T>,
  attempts: Attempt[],
  signal: AbortSignal,
): Promise<Dialled<T> | undefined> {
  let left = dial.limits.dialAddresses
  const isCut = (target: Target) => target.addresses.length > left
  for await (const target of untilAborted(dial.targets, signal)) {
    if (isCut(target)) dial.meter.hit('dialAddresses')
    const addresses = interleave(target.addresses).slice(0, left)
    const won = await race({ ...dial, target, addresses, signal }, attempts)
    if (won !== undefined) return { ...won, target }
    left -= addresses.length
    if (left <= 0) return undefined
  }
  return undefined
}

/** Finding the next target may take long: the time that the dial has ends that wait too. */
async function* untilAborted(
  targets: AsyncIterable<Target> | Iterable<Target>,
  signal: AbortSignal,
): AsyncGenerator<Target, undefined> {
  const source = toAsync(targets)
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  try {
    for (;;) {
      const next = await Promise.race([source.next(), aborted])
      if (next === undefined || next.done || signal.aborted) return
      yield next.value
    }
  } finally {
    // Not waited for: it ends only after a look-up that may still be under way.
    source.return(undefined).catch(() => undefined)
  }
}

async function* toAsync(
  targets: AsyncIterable<Target> | Iterable<Target>,
): AsyncGenerator<Target, undefined> {
  yield* targets
}
