/**
 * Config: plain data without the parts that are wrong.
 *
 * In:    data, and the paths to cut out of it.
 * Out:   what is left, and the way back from a place in it to the place in the data.
 * Fails: never.
 */
import { readDomain } from '../address/domain.ts'
import type { Path } from './settings.ts'

export type Cuts = {
  readonly add: (path: Path) => undefined
  /** `undefined` once the root is cut. */
  readonly rest: () => unknown
  /** Lists close up where something is cut out: this gives the place that an element had. */
  readonly placeOf: (pathInRest: Path) => Path
}

const key = (path: Path): string => JSON.stringify(path)

export function cutsOf(data: unknown): Cuts {
  const cut = new Set<string>()
  const stays = (path: Path): boolean => !cut.has(key(path))
  const rest = (part: unknown, path: Path): unknown => {
    if (Array.isArray(part)) {
      return part.flatMap((item: unknown, index) => {
        const place = [...path, index]
        return stays(place) ? [rest(item, place)] : []
      })
    }
    if (typeof part !== 'object' || part === null) return part
    const entries = Object.entries(part).filter(([name]) => stays([...path, name]))
    return Object.fromEntries(entries.map(([name, value]) => [name, rest(value, [...path, name])]))
  }
  /** What is left of each list that was asked for: a long list with many problems is asked for as often. */
  const left = new Map<string, readonly number[]>()
  const leftIn = (list: readonly unknown[], place: Path): readonly number[] => {
    const known = left.get(key(place))
    if (known !== undefined) return known
    const found = [...list.keys()].filter((index) => stays([...place, index]))
    left.set(key(place), found)
    return found
  }
  const placeOf = (path: Path): Path => {
    let part = data
    let place: Path = []
    for (const step of path) {
      const here = place
      const name = Array.isArray(part) ? leftIn(part, here)[Number(step)] : nameIn(part, step)
      place = [...here, name ?? step]
      part = valueAt(data, place)
    }
    return place
  }
  return {
    add: (path) => {
      cut.add(key(path))
      left.clear()
    },
    rest: () => (stays([]) ? rest(data, []) : undefined),
    placeOf,
  }
}

/** Settings know a domain by its canonical form: the name that the file gives it, if it names it at all. */
function nameIn(part: unknown, step: string | number): string | undefined {
  if (!isBox(part) || Object.hasOwn(part, step)) return undefined
  return Object.keys(part).find((written) => readDomain(written) === step)
}

type Box = Record<string | number, unknown>

const isBox = (data: unknown): data is Box => typeof data === 'object' && data !== null

/** `undefined` if there is no such place. */
export const valueAt = (data: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (box, step) => (isBox(box) && Object.hasOwn(box, step) ? box[step] : undefined),
    data,
  )
