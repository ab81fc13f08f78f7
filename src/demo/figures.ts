/**
 * What happened in the demo, counted by the gateways alone.
 *
 * In:    metrics of both gateways.
 * Out:   the figures of the JSON line.
 * Fails: never.
 */
import type { Metrics } from './metrics.ts'

export type Both = { readonly a: Metrics; readonly b: Metrics }

export type Figures = {
  readonly messages: { readonly delivered: number }
  /** Notifications that crossed the link, and those that users were shown. */
  readonly presence: { readonly received: number; readonly notified: number }
  readonly credential: { readonly verifications: number; readonly references: number }
  readonly forged: { readonly refused: number }
  /** Kinds of proof: by which each gateway believed the other. */
  readonly link: { readonly proof: string; readonly proofs: readonly string[] }
}

export function figuresOf({ a, b }: Both): Figures {
  const sum = (name: string, labels: Record<string, string>): number =>
    a.sum(name, labels) + b.sum(name, labels)
  const received = sum('presence_updates_total', { action: 'received' })
  const proofs = [
    ...new Set([...a.values('proofs_total', 'kind'), ...b.values('proofs_total', 'kind')]),
  ]
  return {
    messages: { delivered: sum('messages_total', { direction: 'in', result: 'delivered' }) },
    presence: { received, notified: sum('presence_updates_total', { action: 'shown' }) },
    credential: {
      verifications: sum('credential_checks_total', { result: 'ok' }),
      references: referencesOf({ a, b }),
    },
    forged: { refused: refusedBy(b) },
    link: { proof: proofs.join('+'), proofs },
  }
}

/** Each message and each notification that came in by a link named a credential by its number. */
const referencesOf = ({ a, b }: Both): number =>
  [a, b].reduce(
    (sum, metrics) =>
      sum +
      metrics.sum('messages_total', { direction: 'in' }) +
      metrics.sum('presence_updates_total', { action: 'received' }),
    0,
  )

/** Proofs, credentials and requests that a gateway did not believe. */
const refusedBy = (metrics: Metrics): number =>
  metrics.sum('proof_checks_total', {}, { result: 'ok' }) +
  metrics.sum('credential_checks_total', {}, { result: 'ok' }) +
  metrics.sum('checks_refused_total')
