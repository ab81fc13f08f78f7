/** A domain in its one canonical form: lower-case A-labels without a trailing dot. Made by `parseDomain` only. */
declare const canonical: unique symbol
export type Domain = string & { readonly [canonical]: 'domain' }
