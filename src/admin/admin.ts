/**
 * The operator's side of a running gateway: its gauges, its readiness, its status, and the port that tells them.
 *
 * In:    what `startGateway` gave, the settings of `listen.admin`, the ports to system and time.
 * Out:   an open port. `draining` makes it not ready while the gateway stops; `close` ends everything.
 * Fails: as `startAdmin` does; nothing runs on then.
 */
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Meter } from '../lib/meter.ts'
import type { Vitals } from '../lib/vitals.ts'
import type { Limits } from '../limits.ts'
import { watchExpiry } from './expiry.ts'
import { createExplain } from './explaining.ts'
import { createFlush } from './flushing.ts'
import { observeRunning } from './gauges.ts'
import { type Admin, startAdmin } from './http.ts'
import { watchOpenFiles } from './open-files.ts'
import { judgeReadiness, type Readiness, watchClock } from './readiness.ts'
import { gatewayStatus } from './status.ts'
import type { ConfigView, RunningView } from './view.ts'

export type OpenAdmin = {
  readonly running: RunningView
  readonly config: ConfigView
  readonly listen: {
    readonly address: string
    readonly port: number
    readonly token: string | null
  }
  /** `gatehouse/0.1.0`. */
  readonly software: string
  readonly meter: Meter
  readonly clock: Clock
  readonly limits: Limits
  readonly log: Log
  readonly vitals: Vitals
}

export type OpenedAdmin = Admin & {
  /** From now on the gateway is not ready. */
  readonly draining: () => undefined
}

export async function openAdmin(given: OpenAdmin): Promise<OpenedAdmin> {
  const { running, config, listen, software, meter, clock, limits, log, vitals } = given
  const startedAt = clock.now()
  const clockWatch = watchClock(clock, limits)
  let isDraining = false
  const readiness = (): Readiness =>
    judgeReadiness({
      domains: running.domains,
      ports: running.ports,
      config,
      isDraining,
      wallMs: clock.wall(),
      clockJumpMs: clockWatch.jumpMs(),
    })
  const gauges = {
    running,
    config,
    meter,
    clock,
    limits,
    clockWatch,
    readiness,
    vitals,
    software,
    startedAt,
  }
  const stopGauges = observeRunning(gauges)
  const stopExpiry = watchExpiry({ domains: running.domains, clock, log })
  const stopFiles = watchOpenFiles({ vitals, clock, log, meter })
  const stop = (): undefined => {
    stopGauges()
    stopExpiry()
    stopFiles()
    clockWatch.stop()
  }
  const status = () =>
    gatewayStatus({
      ...{ running, meter, software, startedAt, readiness: readiness() },
      now: clock.now(),
      wallMs: clock.wall(),
    })
  const explain = createExplain({
    ...{ running, clock, limits, meter },
    by: () => ({
      ...{ who: 'gateway', software, pid: vitals.pid },
      uptimeSeconds: Math.round((clock.now() - startedAt) / 1000),
      domains: running.domains.map(({ name }) => name),
    }),
  })
  try {
    const admin = await startAdmin({
      ...listen,
      meter,
      status,
      ready: readiness,
      explain,
      flush: createFlush(running),
      reload: config.reload,
      clock,
      limits,
      log,
    })
    return {
      port: admin.port,
      draining: () => {
        isDraining = true
      },
      close: async () => {
        stop()
        return admin.close()
      },
    }
  } catch (error) {
    stop()
    throw error
  }
}
