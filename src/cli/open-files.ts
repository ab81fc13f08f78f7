/**
 * How many links fit beside what else needs open files: outbound dials, DNS, the admin port, files.
 *
 * In:    the limits, and how many files this process may have open.
 * Out:   limits that leave a reserve, so that a flood of connections never costs the way out or the way in for us.
 * Fails: never.
 */
import type { Limits } from '../limits.ts'

/** A tenth and the connections of the admin port stay free; strangers never take what gateways and clients need. */
export function withinOpenFiles(limits: Limits, openFiles: number | undefined): Limits {
  if (openFiles === undefined) return limits
  const admin = Math.min(limits.adminSockets, Math.ceil(openFiles / 8))
  const room = openFiles - Math.ceil(openFiles / 10) - admin
  const within = (most: number, part: number): number =>
    Math.max(1, Math.min(most, Math.floor(part)))
  const unprovenLinks = within(limits.unprovenLinks, room / 8)
  const links = within(limits.links, (room * 3) / 8)
  // Peers and clients have a port each, and each port its own links without proof.
  const clients = within(limits.clients, room - links - 2 * unprovenLinks)
  return { ...limits, unprovenLinks, links, clients }
}
