/**
 * Whether this gateway should be sent new connections, and if not, why.
 *
 * In:    what of our domains runs out, which ports are open, how the clock behaves, whether we are stopping.
 * Out:   yes or no, with reasons; and what is wrong without making it no.
 * Fails: never.
 *
 * Nothing that a stranger does can make it no. One domain of several whose certificate has expired does not either:
 * the others would go down with it. Nor does a clock that was set: what is signed from then on may be right, and to be sent
 * nothing helps nobody.
 */
import { type Cancel, type Clock, every } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import type { ConfigView, RunningView } from './view.ts'

export type Reason = {
  readonly code:
    | 'draining'
    | 'no-listener'
    | 'certificate-expired'
    | 'certificate-not-yet-valid'
    | 'keys-expired'
    | 'clock-set'
    | 'reload-refused'
    | 'restart-needed'
  /** One sentence for a person. */
  readonly text: string
}

export type Readiness = {
  readonly ready: boolean
  readonly reasons: readonly Reason[]
  /** Wrong too, but no reason to stay away. */
  readonly warnings: readonly Reason[]
}

export type Circumstances = Pick<RunningView, 'domains' | 'ports'> & {
  readonly config: Pick<ConfigView, 'refused' | 'restart'>
  readonly isDraining: boolean
  readonly wallMs: number
  /** How far the wall clock was set within the last minutes; 0: it was not. */
  readonly clockJumpMs: number
}

export function judgeReadiness(given: Circumstances): Readiness {
  const { domains, ports, isDraining, clockJumpMs, wallMs } = given
  const faults = domains.flatMap((domain) => domainFaults(domain, wallMs).slice(0, 1))
  const isNoneFit = domains.length > 0 && faults.length === domains.length
  const reasons: readonly Reason[] = [
    ...(isDraining ? [reason('draining', 'The gateway is stopping.')] : []),
    ...(ports.peers.length + ports.clients.length === 0
      ? [reason('no-listener', 'No port for peers or clients is open.')]
      : []),
    ...(isNoneFit ? faults : []),
  ]
  const warnings = [
    ...(clockJumpMs === 0 ? [] : [reason('clock-set', jumpText(clockJumpMs))]),
    ...(isNoneFit ? [] : faults),
    ...configFaults(given.config),
  ]
  return { ready: reasons.length === 0, reasons, warnings }
}

const reason = (code: Reason['code'], text: string): Reason => ({ code, text })

const jumpText = (ms: number): string =>
  `The clock of this machine was set ${ms < 0 ? 'back' : 'ahead'} by ${Math.round(Math.abs(ms) / 1000)} s, or the machine slept: what was signed before may be refused for some minutes.`

/** Of the words of a refusal; all of them are in the log. */
const mostWords = 500

function configFaults({ refused, restart }: Circumstances['config']): readonly Reason[] {
  const why = refused?.replace(/\s+/g, ' ').slice(0, mostWords)
  const names = restart.join(', ').slice(0, mostWords)
  return [
    ...(why === undefined
      ? []
      : [reason('reload-refused', `The last reload was refused, and changed nothing: ${why}`)]),
    ...(names === ''
      ? []
      : [reason('restart-needed', `What these settings say now waits for a restart: ${names}.`)]),
  ]
}

function domainFaults(domain: RunningView['domains'][number], wallMs: number): readonly Reason[] {
  const { name, certificateFrom, certificateUntil, certificateEndsWith, keysUntil } = domain
  return [
    ...(wallMs >= certificateUntil
      ? [
          reason(
            'certificate-expired',
            `The certificate for ${name} has expired (${certificateEndsWith}).`,
          ),
        ]
      : []),
    ...(wallMs < certificateFrom
      ? [reason('certificate-not-yet-valid', `The certificate for ${name} is not valid yet.`)]
      : []),
    ...(wallMs >= keysUntil
      ? [reason('keys-expired', `The published key set of ${name} has expired: restart.`)]
      : []),
  ]
}

export type ClockWatch = {
  /** How far wall and monotonic clock have moved apart since the start. */
  readonly driftMs: () => number
  /** The same within the life of a credential, if it is more than is forgiven; else 0. */
  readonly jumpMs: () => number
  readonly stop: Cancel
}

const sampleMs = 10_000

/** A credential that was signed before a jump is wrong for as long as it would have lived. */
export function watchClock(
  clock: Clock,
  { clockSkewSeconds, credentialSeconds }: Pick<Limits, 'clockSkewSeconds' | 'credentialSeconds'>,
): ClockWatch {
  const offset = (): number => clock.wall() - clock.now()
  const first = offset()
  const kept = Math.ceil((credentialSeconds * 1000) / sampleMs)
  let samples: readonly number[] = [first]
  const stop = every(clock, sampleMs, () => {
    samples = [...samples, offset()].slice(-kept)
  })
  return {
    driftMs: () => offset() - first,
    jumpMs: () => {
      const jump = offset() - farthest(samples, offset())
      return Math.abs(jump) > clockSkewSeconds * 1000 ? jump : 0
    },
    stop,
  }
}

/** The sample that is farthest from `now`. */
const farthest = (samples: readonly number[], now: number): number =>
  samples.reduce((most, one) => (Math.abs(now - one) > Math.abs(now - most) ? one : most), now)
