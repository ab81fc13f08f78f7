/**
 * The log of the process: lines for people where it is written to a terminal, JSON for programs elsewhere.
 *
 * In:    events and facts; a level, which may change; where to write.
 * Out:   one line each, by way of a bounded buffer: writing never holds up the service.
 * Fails: never. Lines that are lost are counted, and told by `log.lost` when there is room again.
 */
import { type Clock, isoTime } from '../lib/clock.ts'
import { LineBuffer, type Sink } from '../lib/line-buffer.ts'
import type { Facts, Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import { printable } from '../lib/printable.ts'
import { SampledLog } from '../lib/sampled-log.ts'
import type { Limits } from '../limits.ts'
import type { LogLevel } from './host.ts'
import type { Colour, Paint } from './paint.ts'

export type ProcessLog = Log & {
  /** From now on lines of less weight are not written. */
  readonly become: (level: LogLevel) => undefined
  /** Resolves once all is written, or `ms` from now. */
  readonly flush: (ms: number) => Promise<undefined>
  /** What is not known to be written. */
  readonly rest: () => Buffer
}

export type LogOptions = {
  readonly level: LogLevel
  readonly limits: Pick<Limits, 'logBytes' | 'logKinds' | 'logPerSecond'>
  readonly meter: Meter
}

export type LogPlace = {
  readonly sink: Sink
  readonly clock: Clock
  /** For a terminal; `undefined`: JSON. */
  readonly paint: Paint | undefined
}

export async function openLog(
  { level, limits, meter }: LogOptions,
  { sink, clock, paint }: LogPlace,
): Promise<ProcessLog> {
  const buffer = new LineBuffer({
    sink,
    clock,
    most: limits.logBytes,
    lost: meter.counter('log_lines_lost_total'),
    told: (lines, cause) => log.error('log.lost', { lines, cause }),
  })
  const write = (text: string): undefined => buffer.write(text)
  const written = paint === undefined ? await jsonLines(write) : readableLines(write, clock, paint)
  let least = weights[level]
  const line =
    (weight: LogLevel): Log[LogLevel] =>
    (event, facts = {}) =>
      weights[weight] < least ? undefined : written[weight](event, facts)
  const log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  const { debug, info, warn, error } = new SampledLog(log, clock, limits)
  return {
    ...{ debug, info, warn, error },
    become: (next) => {
      least = weights[next]
    },
    flush: (ms) => buffer.flush(ms),
    rest: () => buffer.rest(),
  }
}

const weights: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 }

type Write = (text: string) => undefined

/** The destinations of the package wait for a slow reader at the end, and give up on one that has gone: ours is its. */
async function jsonLines(write: Write): Promise<Log> {
  const { pino, stdTimeFunctions } = await import('pino')
  const options = {
    level: 'debug',
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const logger = pino(options, { write })
  const line =
    (weight: LogLevel): Log[LogLevel] =>
    (event, facts) => {
      logger[weight]({ event, ...facts })
    }
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}

const colours: Readonly<Record<LogLevel, Colour>> = {
  debug: 'dim',
  info: 'green',
  warn: 'yellow',
  error: 'red',
}

/** `17:34:41 WARN  peer.unreachable  remote=b.example cause=dns-failed`: UTC. */
function readableLines(write: Write, clock: Clock, paint: Paint): Log {
  const line =
    (weight: LogLevel): Log[LogLevel] =>
    (event, facts = {}) => {
      const time = isoTime(clock.wall()).slice(11, 19)
      const level = paint(colours[weight], weight.toUpperCase().padEnd(5))
      write(`${paint('dim', time)} ${level} ${paint('bold', event)}${factsText(facts, paint)}\n`)
    }
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}

const factsText = (facts: Facts, paint: Paint): string =>
  Object.entries(facts)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => ` ${paint('dim', `${name}=`)}${valueText(name, value)}`)
    .join('')

/** Nothing in it moves the cursor. Our own messages alone may have several lines: a far side would pretend to others. */
function valueText(name: string, value: Facts[string]): string {
  const text = String(value)
  if (name === 'message') return printable(text).replaceAll('\n', `\n${' '.repeat(9)}`)
  // What JSON has written as an escape is printable.
  return printable(/[\s"=]/.test(text) ? JSON.stringify(text) : text)
}
