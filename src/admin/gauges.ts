/**
 * Numbers that are read when somebody asks for them: the process, our domains, links and destinations.
 *
 * In:    a running gateway, seen through `view.ts`.
 * Out:   gauges of the meter; `stop` ends what they keep running.
 * Fails: never.
 */
import { type Cancel, type Clock, every } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import type { LoopDelay, Vitals } from '../lib/vitals.ts'
import type { Limits } from '../limits.ts'
import { limitsShown } from '../metrics.ts'
import type { ClockWatch, Readiness } from './readiness.ts'
import type { ConfigView, RunningView, WaitingView } from './view.ts'

export type GaugeNeeds = {
  readonly running: RunningView
  readonly config: Pick<ConfigView, 'refused' | 'takenAt'>
  readonly meter: Meter
  readonly clock: Clock
  readonly limits: Limits
  readonly clockWatch: ClockWatch
  readonly readiness: () => Readiness
  readonly vitals: Vitals
  readonly software: string
  readonly startedAt: number
}

export function observeRunning(needs: GaugeNeeds): Cancel {
  const { running, config, meter, clock, limits, clockWatch, readiness, startedAt } = needs
  meter.gauge('ready', {}, () => (readiness().ready ? 1 : 0))
  meter.gauge('uptime_seconds', {}, () => (clock.now() - startedAt) / 1000)
  meter.gauge('config_last_reload_successful', {}, () => (config.refused === undefined ? 1 : 0))
  meter.gauge('config_last_reload_success_timestamp_seconds', {}, () => config.takenAt / 1000)
  meter.gauge('clock_drift_seconds', {}, () => clockWatch.driftMs() / 1000)
  for (const limit of limitsShown) meter.gauge('limit', { limit }, () => limits[limit])
  for (const own of running.domains) {
    const left = (until: number) => (until - clock.wall()) / 1000
    const { name } = own
    meter.gauge('certificate_expiry_seconds', { domain: name }, () => left(own.certificateUntil))
    meter.gauge('key_expiry_seconds', { domain: name }, () => left(own.keysUntil))
  }
  observeDestinations(needs)
  observeLinks(needs)
  return observeProcess(needs)
}

function observeDestinations({ running, meter, clock }: GaugeNeeds): undefined {
  const { sessions } = running.gateway
  const byState = remembered(clock, () => tally(sessions.pool.states(), ({ state }) => state))
  for (const state of ['idle', 'connecting', 'running', 'backing-off']) {
    meter.gauge('peer_state', { state }, () => byState().get(state) ?? 0)
  }
  for (const [number, name] of classes) {
    const waiting = remembered(clock, () =>
      together([
        ...(name === 'control' ? [] : [sessions.pool.waiting(name)]),
        ...[...sessions.all].map(({ link }) => link.queue(number)),
      ]),
    )
    meter.gauge('waiting_requests', { class: name }, () => waiting().count)
    meter.gauge('waiting_oldest_seconds', { class: name }, () => {
      const { since } = waiting()
      return since === undefined ? 0 : Math.max(0, (clock.now() - since) / 1000)
    })
  }
}

const classes = [
  [0, 'control'],
  [1, 'im'],
  [2, 'pres'],
] as const

const together = (all: readonly WaitingView[]): WaitingView => {
  const times = all.flatMap(({ since }) => since ?? [])
  return {
    count: all.reduce((sum, { count }) => sum + count, 0),
    since: times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b)),
  }
}

function observeLinks({ running, meter, clock }: GaugeNeeds): undefined {
  const { sessions } = running.gateway
  const open = remembered(clock, () =>
    tally(sessions.all, ({ role, dialled }) => `${role} ${dialled === undefined ? 'in' : 'out'}`),
  )
  for (const role of ['gateway', 'client']) {
    for (const direction of role === 'client' ? ['in'] : ['in', 'out']) {
      meter.gauge(
        'link_connections',
        { role, direction },
        () => open().get(`${role} ${direction}`) ?? 0,
      )
    }
  }
}

function observeProcess({ meter, clock, vitals, software }: GaugeNeeds): Cancel {
  const { node, heapBytes, openFiles, mostFiles } = vitals
  const [, version = software] = software.split('/')
  meter.gauge('build_info', { version, node }, () => 1)
  meter.gauge('heap_used_bytes', {}, heapBytes)
  meter.gauge('process_open_fds', {}, () => openFiles() ?? Number.NaN)
  meter.gauge('process_max_fds', {}, () => mostFiles() ?? Number.NaN)
  return observeLoop(meter, clock, vitals.loopDelay())
}

const windowMs = 15_000
const places = [
  ['p50', 0.5],
  ['p99', 0.99],
  ['max', 1],
] as const

/** The worse of the window under way and the one before, so that whoever asks every 15 s misses nothing. */
function observeLoop(meter: Meter, clock: Clock, delay: LoopDelay): Cancel {
  let before: readonly number[] = places.map(() => 0)
  const cancel = every(clock, windowMs, () => {
    before = places.map(([, quantile]) => delay.seconds(quantile))
    delay.reset()
  })
  for (const [i, [at, quantile]] of places.entries()) {
    meter.gauge('event_loop_delay_seconds', { at }, () =>
      Math.max(before[i] as number, delay.seconds(quantile)),
    )
  }
  return () => {
    cancel()
    return delay.stop()
  }
}

function tally<T>(all: Iterable<T>, keyOf: (one: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const one of all) {
    const key = keyOf(one)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

/** Gauges of one kind are read one after the other: what they share is gathered once. */
function remembered<T>(clock: Clock, gather: () => T): () => T {
  let at = Number.NEGATIVE_INFINITY
  let value: T
  return () => {
    const now = clock.now()
    if (now - at > 100) {
      value = gather()
      at = now
    }
    return value
  }
}
