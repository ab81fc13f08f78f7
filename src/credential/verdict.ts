/** What every check of this folder answers: fit, or one code with a sentence for our own log. */
import type { Status } from '../errors.ts'

export type Refusal = {
  readonly ok: false
  readonly code: Status
  /** For logs and operators; a peer is told the code alone. Holds nothing of the token. */
  readonly detail: string
}

export type Verdict<T> = { readonly ok: true; readonly value: T } | Refusal

export const accept = <T>(value: T): Verdict<T> => ({ ok: true, value })

export const refuse = (code: Status, detail: string): Refusal => ({ ok: false, code, detail })
