/**
 * How many links fit beside what else needs open files: outbound dials, DNS, the admin port, files.
 *
 * In:    the limits, and how many files this process may have open.
 * Out:   limits whose `links` leave a reserve, so that a flood of links never costs the way out or the way in for us.
 * Fails: never.
 */
import type { Limits } from '../limits.ts'

/** Of `/proc/self/limits`: the number in force; `undefined`: none is told, or there is none. */
export function openFilesIn(text: string): number | undefined {
  const [, most] = /^Max open files +(\d+) /m.exec(text) ?? []
  return most === undefined ? undefined : Number(most)
}

/** A tenth, and the connections of the admin port. */
export function withinOpenFiles(limits: Limits, openFiles: number | undefined): Limits {
  if (openFiles === undefined) return limits
  const room = openFiles - Math.ceil(openFiles / 10) - limits.adminSockets
  return { ...limits, links: Math.max(1, Math.min(limits.links, room)) }
}
