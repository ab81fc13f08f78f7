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
      references: sum('credential_references_total', {}),
    },
    forged: { refused: refusedBy(b) },
    link: { proof: proofs.join('+'), proofs },
  }
}

/** Proofs, credentials and requests that a gateway did not believe. */
const refusedBy = (metrics: Metrics): number =>
  metrics.sum('proof_checks_total', {}, { result: 'ok' }) +
  metrics.sum('credential_checks_total', {}, { result: 'ok' }) +
  metrics.sum('checks_refused_total')
