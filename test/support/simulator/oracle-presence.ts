/**
 * What must be true of presence once everything is healed: every live watcher sees what is published now.
 *
 * In:    the devices; what they publish is what was confirmed to them.
 * Out:   a sentence for each watcher that sees something else.
 */
import type { Device } from './device.ts'

export function judgePresence(devices: readonly Device[]): readonly string[] {
  const published = new Map<string, Map<string, number>>()
  for (const { user, name, publisher } of devices) {
    const numbers = published.get(user.text) ?? new Map<string, number>()
    published.set(user.text, numbers)
    if (publisher.held !== undefined) numbers.set(name, publisher.held)
  }
  return devices.flatMap((device) =>
    [...device.watcher.watched.values()].flatMap(({ to, isLive, seen }) => {
      const wanted = published.get(to)
      // Nobody has such an address: there is nothing to see.
      if (wanted === undefined) return []
      if (!isLive) return [`presence: ${device.name} does not watch ${to}`]
      return isSame(seen, wanted)
        ? []
        : [`presence: ${device.name} sees ${to} as ${textOf(seen)}, not ${textOf(wanted)}`]
    }),
  )
}

type Seen = string | ReadonlyMap<string, number>

const textOf = (seen: Seen): string =>
  typeof seen === 'string'
    ? seen
    : `{${[...seen].map(([tuple, number]) => `${tuple}=${number}`).join(' ')}}`

const isSame = (seen: Seen, wanted: ReadonlyMap<string, number>): boolean =>
  typeof seen !== 'string' &&
  seen.size === wanted.size &&
  [...wanted].every(([tuple, number]) => seen.get(tuple) === number)
