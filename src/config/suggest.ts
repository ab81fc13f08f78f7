/**
 * Config: which name was meant?
 *
 * In:    a name that does not exist, and those that do.
 * Out:   the nearest one, or `undefined` if none is near.
 * Fails: never.
 */
export function nearest(wrong: string, names: readonly string[]): string | undefined {
  const typed = wrong.slice(0, 64).toLowerCase()
  const near = names
    .map((name) => ({ name, away: distance(typed, name.toLowerCase()) }))
    .filter(({ name, away }) => away <= reach(typed) || begins(typed, name.toLowerCase()))
    .sort((a, b) => a.away - b.away)
  return near[0]?.name
}

/** One slip in three letters. */
const reach = (typed: string): number => Math.max(1, Math.floor(typed.length / 3))

/** `cert` means `certificate`. */
const begins = (typed: string, name: string): boolean =>
  typed.length >= 3 && name.length >= 3 && (name.startsWith(typed) || typed.startsWith(name))

/** Letters to add, drop, change or swap with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, at(before, j - 2) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return at(last, b.length)
}

const at = (row: readonly number[], index: number): number => row[index] as number
