/**
 * Links of one pair of domains that are more than is needed: which of them is used, and which this side lets go of.
 *
 * Spec: [LINK-9.2-1] simultaneous dials, [LINK-9.2-3] a far side that was started anew
 */
import type { Domain } from '../address/domain.ts'
import type { Session } from './session.ts'

/** Dialled by the side whose A-label is lower. */
function isPreferred({ dialled }: Session, local: Domain, remote: Domain): boolean {
  return dialled !== undefined ? local < remote : remote < local
}

/** Whether the far sides name different processes. */
export function areApart(one: Session, other: Session): boolean {
  const [boot, otherBoot] = [one.link.hello?.boot, other.link.hello?.boot]
  return boot !== undefined && otherBoot !== undefined && boot !== otherBoot
}

/** [LINK-9.2-3] `session` was proven just now: it goes, with the others of its process, before those of another one. */
export function inOrderWith(
  session: Session,
  listed: readonly Session[],
  local: Domain,
  remote: Domain,
): Session[] {
  const others = listed.filter((other) => other !== session)
  const beside = others.filter((other) => !areApart(session, other))
  const behind = others.filter((other) => areApart(session, other))
  return isPreferred(session, local, remote)
    ? [session, ...beside, ...behind]
    : [...beside, session, ...behind]
}

/** [LINK-9.2-1] Of two links dialled at once the one dialled by the lower A-label stays; its dialler lets go of the other. */
export const duplicatesOf = (
  all: ReadonlySet<Session>,
  local: Domain,
  remote: Domain,
): readonly Session[] =>
  [...all].filter(
    (session) =>
      session.dialled !== undefined &&
      !isPreferred(session, local, remote) &&
      sharesServices(session, all),
  )

/** Whether a link that the far side dialled serves what this one was dialled for: two hosts may serve the two services. */
function sharesServices(session: Session, all: ReadonlySet<Session>): boolean {
  const service = session.dialled?.service
  for (const other of all) {
    if (other.dialled !== undefined || areApart(session, other)) continue
    if (service === undefined || (other.link.hello?.services ?? []).includes(service)) return true
  }
  return false
}
