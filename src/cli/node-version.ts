/** Whether this Node can run the program: an older one fails later, with words that say nothing. */

/** `wanted` as in `engines` of a package file: `>=24.17`. What is not of that form is no reason to refuse. */
export function isTooOld(found: string, wanted: string): boolean {
  if (!wanted.startsWith('>=')) return false
  const have = numbers(found)
  for (const [i, least] of numbers(wanted.slice(2)).entries()) {
    const here = have[i] ?? 0
    if (here !== least) return here < least
  }
  return false
}

/** And what is to be done about it. */
export const tooOld = (wanted: string, found: string, program: string): string =>
  `expected Node ${wanted}, found ${found} in ${program}: ` +
  'https://nodejs.org has it, and "npm install --global node@24" brings it, too'

const numbers = (version: string): readonly number[] => version.split('.').map(Number)
