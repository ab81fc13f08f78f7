/**
 * How much chance has its say, and how large a crowd is: all of it, or in a quick run (`DOSE=quick`) what shows the same
 * most of the time. What is not a matter of numbers is never left out.
 */
const isQuick = process.env['DOSE'] === 'quick'

export const dose = (full: number, quick: number): number => (isQuick ? quick : full)

/** A dose that whoever runs the tests may set by a variable of the environment. */
export const setting = (name: string, full: number, quick = full): number =>
  Number(process.env[name] ?? dose(full, quick))
