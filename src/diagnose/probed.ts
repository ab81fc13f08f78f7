/**
 * What came of proving ourselves to a far side, and of looking for ourselves, in words.
 *
 * In:    what the links said, or why there is no link.
 * Out:   findings.
 * Fails: never.
 */
import { GatewayError, type Status } from '../errors.ts'
import type { Explanation } from '../resolve/resolver.ts'
import type { Claim, Ours } from './diagnosis.ts'

/** As the links of a gateway tell it. */
export type ClaimSaid = {
  readonly isAsked: boolean
  readonly code: Status
  readonly detail: string
}

export type SelfSaid = { readonly at: string; readonly who: 'us' | 'keys' | 'other-keys' }

export const claimOf = (local: string, { isAsked, code, detail }: ClaimSaid): Claim => ({
  ...{ local, isAsked, result: code },
  sentence: detail.startsWith('they say: ') ? detail : `they answer ${code}`,
})

/** `said`: who answers there, or why nobody does. */
export function oursOf(
  { domain, steps, targets, result, sentence }: Explanation,
  said: SelfSaid | GatewayError,
): Ours {
  const found = { domain, steps }
  const isBare = targets.length > 0 && targets.every(({ via }) => via === 'address')
  const bare = isBare
    ? ` DNS has no SRV record of it: others go to the addresses of ${domain} itself.`
    : ''
  if (result !== 'ok') {
    return { ...found, result, sentence: `Others do not find ${domain}: ${sentence}` }
  }
  if (said instanceof GatewayError) {
    const why = `Nobody who asks for the keys of ${domain} gets them from here: ${said.message}`
    return { ...found, result: said.code, sentence: `${ended(why)}${bare}` }
  }
  return said.who === 'other-keys'
    ? {
        ...{ ...found, result: 'credential-key' },
        sentence: `At ${said.at} somebody publishes a key set of ${domain} that lacks keys of ours.${bare}`,
      }
    : { ...found, result: 'ok', sentence: `Others find ${domain} at ${said.at}: ${who[said.who]}.` }
}

const who = { us: 'this gateway answers there', keys: 'a gateway with our keys answers there' }

const ended = (text: string): string => (text.endsWith('.') ? text : `${text}.`)
