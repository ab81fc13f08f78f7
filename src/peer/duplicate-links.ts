/**
 * Links of one pair of domains that are more than is needed: which of them this side lets go of.
 *
 * Spec: [LINK-9.2-1] simultaneous dials
 */
import type { Domain } from '../address/domain.ts'
import type { Session } from './session.ts'

/** Dialled by the side whose A-label is lower. */
export function isPreferred({ dialled }: Session, local: Domain, remote: Domain): boolean {
  return dialled !== undefined ? local < remote : remote < local
}

/** [LINK-9.2-1] Of two links dialled at once the one dialled by the lower A-label stays; its dialler lets go of the other. */
export function duplicatesOf(
  all: ReadonlySet<Session>,
  local: Domain,
  remote: Domain,
): readonly Session[] {
  const hasPreferred = [...all].some((session) => isPreferred(session, local, remote))
  if (!hasPreferred) return []
  return [...all].filter(
    (session) =>
      session.dialled !== undefined &&
      !isPreferred(session, local, remote) &&
      sharesServices(session, all),
  )
}

/** Whether another link of `all` serves what this one was dialled for: two hosts may serve the two services. */
function sharesServices(session: Session, all: ReadonlySet<Session>): boolean {
  const service = session.dialled?.service
  for (const other of all) {
    if (other === session || other.dialled !== undefined) continue
    if (service === undefined || (other.link.hello?.services ?? []).includes(service)) return true
  }
  return false
}
