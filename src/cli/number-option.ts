/** A number as it stands behind an option. */
import { GatewayError } from '../errors.ts'

/** `undefined` if the option was not given. */
export function wholeOf(
  text: string | undefined,
  option: string,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new GatewayError(
    'usage',
    `expected a whole number from ${least} to ${most} behind ${option}, found "${text}"`,
  )
}
